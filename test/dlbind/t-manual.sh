#!/bin/bash
# The manual's example works as printed; header, version script and manual name the
# same functions; the header is good C and C++ by itself.
. "$(dirname "$0")/dlbind.sh"

MAN=$ROOT/dlbind/man
awk '/^\.Bd -literal$/ { on = 1; next } /^\.Ed$/ { on = 0 } on' "$MAN/dlbind.3" |
	sed 's/\\e/\\/g' >example.c
dl_host example -Wextra -Werror -D_FORTIFY_SOURCE=2 example.c <<<'' || fail "example.c"
expect_output ./example <<'E'
42
E
expect_no_files

grep -o '\bdl[a-z_]*;' "$ROOT/dlbind/libdlbind.map" | tr -d ';' | sort >map.txt
grep -oE '^(int|void \*|const char \*) ?dl[a-z_]*\(' "$ROOT/include/dlbind.h" |
	sed 's/.*[ *]//; s/(//' | sort >header.txt
sed -n 's/^\.Nm \([a-z_]*\).*/\1/p' "$MAN"/dl*.3 | sort >manual.txt
nm -D --defined-only "$GOAUDIT_BUILD/libdlbind.so" | sed -n 's/.* T \([a-z_]*\)@.*/\1/p' | sort >library.txt
for f in header manual library; do diff map.txt $f.txt || fail "$f and the version script"; done
readelf -dW "$GOAUDIT_BUILD/libdlbind.so" | grep -q 'soname: \[libdlbind.so.1\]' || fail "soname"
[ -z "$(readelf -dW "$GOAUDIT_BUILD/libdlbind.so" | grep NEEDED | grep -vE 'libc.so.6|ld-linux')" ] ||
	fail "it needs more than libc and ld.so"
[ -z "$(readelf -SW "$GOAUDIT_BUILD/libdlbind.so" | grep -E 'ctors|\.tbss|\.tdata')" ] ||
	fail "it has thread-local data or old constructors"
for n in "gcc -xc -std=c99 -pedantic" "gcc -xc -std=gnu11 -D_GNU_SOURCE" "g++ -xc++ -std=c++11 -pedantic"; do
	echo '#include <dlbind.h>' | $n -Wall -Wextra -Werror -I"$ROOT/include" -fsyntax-only - ||
		fail "the header with $n"
done
