#!/bin/bash
# The module with a trap at each undefined operation, under the tests of a few of its ways;
# and the unit tests of every layer and of both companions under the address sanitizer, those
# of the layers under the thread sanitizer as well.
. "$(dirname "$0")/../lib.sh"

# What each of them finds is found.
broken() { # FLAG SOURCE
	gcc -O1 -g -w -pthread ${1:+"$1"} -fsanitize-undefined-trap-on-error -o broken -x c - <<<"$2" 2>/dev/null ||
		skip "no $1"
	{ ./broken >broken.txt 2>&1; } 2>/dev/null
}
works() { broken "$@" || fail "$1: ends by itself: $(cat broken.txt)"; }
finds() { ! broken "$@" || fail "$1 finds nothing"; }
shift_too_far='int main(int n, char **v) { return (1 << (n + 40)) == 3; }'
read_behind='#include <stdlib.h>
int main(int n, char **v) { char *p = malloc(n); return *(volatile char *)(p + n + 2) == 77; }'
race='#include <pthread.h>
static volatile int x;
static void *add(void *a) { for (int i = 0; i < 1000; i++) x++; return a; }
int main(void) { pthread_t t; pthread_create(&t, 0, add, 0); add(0); pthread_join(t, 0); return 0; }'
for source in "$shift_too_far" "$read_behind" "$race"; do works "" "$source"; done
finds -fsanitize=undefined "$shift_too_far"
finds -fsanitize=address "$read_behind"
finds -fsanitize=thread "$race"

# build FOLDER FLAGS PRODUCT...; a warning of a sanitized build is not one of the source.
build() {
	local folder=$PWD/$1 flags=$2
	shift 2
	make -C "$ROOT" -s -j2 B="$folder" CFLAGS="-O1 -g -Wno-stringop-overread -Wno-tsan $flags" \
		"${@/#/$folder/}" >make.txt 2>&1 || fail "$(tail -n 20 make.txt)"
}
unit() { # FOLDER TEST
	"$PWD/$1/test/unit/$2" "$GOAUDIT_BUILD" >unit.txt 2>&1 || fail "$1 $2: $(tail -n 40 unit.txt)"
}

build undefined '-fsanitize=undefined -fsanitize-undefined-trap-on-error' libgoaudit.so \
	libgoaudit-image.so libgoaudit-dwarf.so libgoaudit-entries.so test/unit/audit test/unit/image
[ "$(objdump -d undefined/libgoaudit.so | grep -c '\<ud2\>')" -gt 100 ] || fail "the module has no traps"
unit undefined audit
unit undefined image
# The rest of the build is as it is.
for f in "$GOAUDIT_BUILD"/*; do
	[ -e "undefined/${f##*/}" ] || ln -s "$f" undefined/
done
GOAUDIT_BUILD=$PWD/undefined "$ROOT/test/run" reload/dlreload-two \
	state/state-is-handed-over calls/panic process/fork-any-time unload/threads-and-callbacks >run.txt 2>&1 ||
	fail "$(tail -n 60 run.txt)"

export ASAN_OPTIONS=detect_leaks=0	# what the module keeps, it keeps
build address '-fsanitize=address,undefined -fno-sanitize-recover=all' test/unit/audit test/unit/dwarf
unit address audit
unit address dwarf
build thread -fsanitize=thread test/unit/audit
unit thread audit
