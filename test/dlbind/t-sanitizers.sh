#!/bin/bash
# The library under the address and undefined-behaviour sanitizers, then under the
# thread sanitizer: the property test, the unit tests, the threads.
. "$(dirname "$0")/dlbind.sh"

printf 'int main(void) { return 0; }' | cc_host probe -fsanitize=address,undefined \
	2>/dev/null && ./probe || skip "no address sanitizer"
FLAGS="-std=gnu11 -g -O1 -D_GNU_SOURCE -I$ROOT/include -I$ROOT/dlbind -I$EXAMPLES
	-fsanitize=address,undefined -fno-sanitize-recover=all -pthread"
mkdir objects
for f in "$ROOT"/dlbind/*.c; do
	# shellcheck disable=SC2086
	gcc $FLAGS -fvisibility=hidden -c -o "objects/$(basename "$f" .c).o" "$f"
done
# shellcheck disable=SC2086,SC2046
build() { gcc $FLAGS -rdynamic -o "$1" "$2" objects/*.o $(pkg-config --cflags --libs check); }
build property "$ROOT/test/dlbind/property.c"
build unit "$ROOT/test/unit/dlbind.c"
build threads "$ROOT/test/unit/dlbind_threads.c"
# The reserved address space is not memory.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:handle_segv=0
./property 30000 7
./unit >unit.txt 2>&1 || fail "$(cat unit.txt)"
./threads >threads.txt 2>&1 || fail "$(cat threads.txt)"

if printf 'int main(void) { return 0; }' | cc_host probe -fsanitize=thread 2>/dev/null &&
	./probe 2>/dev/null; then
	# shellcheck disable=SC2086,SC2046
	gcc -std=gnu11 -g -O1 -D_GNU_SOURCE -I"$ROOT/include" -I"$ROOT/dlbind" -pthread \
		-fsanitize=thread -rdynamic -o races "$ROOT/test/unit/dlbind_threads.c" \
		"$ROOT"/dlbind/*.c $(pkg-config --cflags --libs check)
	# It does not see ld.so unmap a library whose address another one gets.
	echo 'race:sections_loaded' >suppressions
	export TSAN_OPTIONS=suppressions=$PWD/suppressions
	CK_FORK=no ./races >races.txt 2>&1 || fail "$(cat races.txt)"
fi
