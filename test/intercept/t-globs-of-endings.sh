#!/bin/bash
# A glob of GOAUDIT_RELOADABLE that names an ending only ("*.so") does not mean libraries of
# the program's own installation (PREFIX/lib of PREFIX/bin/program) nor of the system's
# folders; one that names a folder, or how a name begins, means what it says.
. "$(dirname "$0")/../lib.sh"

mkdir -p app/bin app/lib/server app/lib64 app/share app/library plugins
cc_so part.so <<<'static int n; int value(void) { return ++n; }'
for d in app/lib app/lib/server app/lib64 app/share app/library app/bin plugins; do
	cp part.so $d/part.so
done
cc_host app/bin/host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		for (int k = 0; k < 2; k++) {
			void *h = open_mode(argv[i], RTLD_NOW);
			int n = call(h, "value");

			if (k)
				printf("%s %s\n", argv[i], n == 2 ? "reloadable" : "plain");
			close_guest(h);
		}
	return 0;
}
C
all=(./app/lib/part.so ./app/lib/server/part.so ./app/lib64/part.so ./app/share/part.so
	./app/library/part.so ./app/bin/part.so ./plugins/part.so)
mean() { # GLOBS PLAIN...: of all, these are not meant
	local globs=$1 f
	shift
	for f in "${all[@]}"; do
		case " $* " in *" $f "*) echo "$f plain" ;; *) echo "$f reloadable" ;; esac
	done >wanted.txt
	expect_output env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE="$globs" GOAUDIT_LOG=./log app/bin/host "${all[@]}" <wanted.txt
}
own="./app/lib/part.so ./app/lib/server/part.so ./app/lib64/part.so"
for glob in '*.so' '*' '*/*.so' '?*/*' '*art.so:x' 'x:*.so'; do
	# shellcheck disable=SC2086
	mean "$glob" $own
	[ "$(grep -c "app/lib.*/part.so: not opened as reloadable: " log)" -ge 3 ] || fail "$glob: the log does not say why"
	rm log
done
mean 'part.so'
mean 'p*.so'
mean "*/app/lib/*:*.so" ./app/lib64/part.so
mean "$PWD/*"
# The system's.
system=$(readlink -f "$(dirname "$(gcc -print-file-name=libc.so.6)")")
library=$system/$(cd "$system" && find . -maxdepth 1 -name 'libBrokenLocale.so.1' -printf '%f\n' | head -n 1)
[ -f "$library" ] || fail "no small library of the system's was found"
cc_host opens <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	char line[1000];
	int found = 0;

	open_mode(argv[1], RTLD_NOW);
	for (FILE *f = fopen("/proc/self/maps", "r"); fgets(line, sizeof line, f);)
		found |= strstr(line, "/snapshots/") != NULL;
	puts(found ? "reloadable" : "plain");
	return 0;
}
C
expect_output env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE='*' ./opens "$library" <<<plain
expect_output env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE="$system/*" ./opens "$library" <<<reloadable
