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
# shellcheck disable=SC2143	# a pipeline that may find nothing
[ -z "$(readelf -dW "$GOAUDIT_BUILD/libdlbind.so" | grep NEEDED | grep -vE 'libc.so.6|ld-linux')" ] ||
	fail "it needs more than libc and ld.so"
# shellcheck disable=SC2143	# a pipeline that may find nothing
[ -z "$(readelf -SW "$GOAUDIT_BUILD/libdlbind.so" | grep -E 'ctors|\.tbss|\.tdata')" ] ||
	fail "it has thread-local data or old constructors"
for n in "gcc -xc -std=c99 -pedantic" "gcc -xc -std=gnu11 -D_GNU_SOURCE" "g++ -xc++ -std=c++11 -pedantic"; do
	echo '#include <dlbind.h>' | $n -Wall -Wextra -Werror -I"$ROOT/include" -fsyntax-only - ||
		fail "the header with $n"
done

# The archive: it has no names but its own, and can be linked into an object that has
# a dlreload, as the audit module has.
defined=$(nm -g --defined-only "$GOAUDIT_BUILD/libdlbind.a" | sed -n 's/.* [A-Z] //p' | sort)
[ "$(echo "$defined" | grep -v '^dl')" = "" ] || fail "the archive defines: $defined"
cc_so embedding.so -Wl,-z,defs -D_GNU_SOURCE "$GOAUDIT_BUILD/libdlbind.a" -I"$ROOT/dlbind" <<'C'
#include <dlfcn.h>
#include "dlbind.h"
#include "embed.h"
static int opened;
static void *open_counted(const char *path, int mode) { opened++; return dlopen(path, mode); }
void *dlreload(void *library) { return dlbind_notify(library) == 0 ? library : 0; }
int error_set(void) { return 0; }
int use(void)
{
	static const struct dlbind_loader loader = { open_counted, dlclose, dlerror, 0 };
	void *l;
	dlbind_use_loader(&loader);
	l = dlcreate("embedded.so");
	return l && dlreload(l) == l && dlbind_owns(l) && dldelete(l) == 0 ? opened : -1;
}
C
cc_host embedding -Wl,-rpath,. ./embedding.so <<'C'
#include <stdio.h>
int use(void);
int main(void) { printf("opened: %d\n", use()); return 0; }
C
expect_output ./embedding <<'E'
opened: 2
E
expect_no_files
