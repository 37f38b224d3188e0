#!/bin/bash
# goaudit run: the environment it makes, exit status and signals, and what it
# says of programs that cannot be hosts.
. "$(dirname "$0")/../lib.sh"

tool=$GOAUDIT_BUILD/goaudit
cc_so plain.so <<<'static int n; int value(void) { return ++n; }'
cc_so noopen.so -Wl,-z,nodlopen <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
#include <signal.h>
/* host FILE: opens it twice, without the flag, and shows what is left of its
 * state; host exit N; host signal N. */
int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "exit") == 0)
		return atoi(argv[2]);
	if (argc > 2 && strcmp(argv[1], "signal") == 0)
		raise(atoi(argv[2]));
	for (int i = 1; i < argc; i++)
		for (int k = 0; k < 2; k++) {
			void *h = open_mode(argv[i], RTLD_NOW);
			printf("%s %d\n", argv[i], call(h, "value"));
			close_guest(h);
		}
	printf("module %s\n", dlsym(RTLD_DEFAULT, "dlreload") ? "there" : "absent");
	return 0;
}
C
cp plain.so other.so
expect_output "$tool" run ./host ./plain.so <<'E'
./plain.so 1
./plain.so 1
module there
E
expect_output "$tool" run -r 'pl*.so' --reloadable='*/no*' -- ./host ./plain.so ./other.so <<'E'
./plain.so 1
./plain.so 2
./other.so 1
./other.so 1
module there
E
# What the environment has already stays.
cc_so nothing.so <<<'unsigned la_version(unsigned v) { return v; }'
expect_output env GOAUDIT_RELOADABLE='oth*' LD_AUDIT=./nothing.so "$tool" run -r 'pl*.so' -- sh -c \
	'echo "$LD_AUDIT $GOAUDIT_RELOADABLE"; LD_AUDIT=${LD_AUDIT%%:*} ./host ./other.so' <<E
$(readlink -f "$AUDIT"):./nothing.so pl*.so:oth*
./other.so 1
./other.so 2
module there
E
"$tool" run --log=log -r 'pl*' ./host ./plain.so >/dev/null || fail "run --log"
grep -q 'plain.so: generation 1: open' log || fail "no log"

status_of() { # COMMAND...
	local status=0
	"$@" >out.txt 2>&1 </dev/null || status=$?
	echo "$status $(sed "s|$TEST_DIR|DIR|g" out.txt)"
}
[ "$(status_of "$tool" run ./host exit 42)" = "42 " ] || fail "exit status: $(status_of "$tool" run ./host exit 42)"
[ "$(status_of "$tool" run ./host signal 10)" = "138 " ] || fail "signal: $(status_of "$tool" run ./host signal 10)"
# From PATH; a script is looked at through its interpreter.
printf '#!/bin/sh\nexec ./host "$@"\n' >script && chmod +x script
expect_output env PATH="$PWD:$PATH" "$tool" run script ./plain.so <<'E'
./plain.so 1
./plain.so 1
module there
E
says() { # STATUS TEXT ARGUMENT...
	local want="$1 $2"
	shift 2
	[ "$(status_of "$tool" run "$@")" = "$want" ] || fail "run $*:
$(status_of "$tool" run "$@")
instead of
$want"
}
says 127 'goaudit: nothing-there: no such program: give its path' nothing-there
says 127 'goaudit: ./nothing-there: no such program: give its path' ./nothing-there
gcc -static -x c -o static - <<<'int main(void) { return 0; }'
says 126 'goaudit: ./static: statically linked: ld.so does not run in it, so LD_AUDIT does nothing: link it dynamically' ./static
cc_host musl -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 <<<'int main(void) { return 0; }'
says 126 "goaudit: ./musl: its loader is /lib/ld-musl-x86_64.so.1, not glibc's /lib64/ld-linux-x86-64.so.2: link it with glibc" ./musl
cc_so libgone.so -Wl,-soname,libgone.so <<<'int gone(void) { return 1; }'
cc_host needy ./libgone.so <<<'int gone(void); int main(void) { return gone(); }'
rm libgone.so
says 126 'goaudit: ./needy: not found: libgone.so: install it, or set its folder with -Wl,-rpath or LD_LIBRARY_PATH' ./needy
cp host secure && chmod u+s secure
says 0 "goaudit: ./secure: set-user-ID or set-group-ID: goaudit's variables are ignored, and LD_AUDIT names a library in a system folder only
module there" ./secure
: >data
says 126 'goaudit: ./data: Permission denied' ./data
# A guest that the globs name, and that will not do, is told of beforehand.
says 0 'goaudit: ./noopen.so: DF_1_NOOPEN: dlopen refuses it: link it without -z nodlopen
module there' -r './*.so' ./host
# A module that has been moved away.
mkdir alone && cp "$tool" alone
[ "$(status_of alone/goaudit run ./host)" = '126 goaudit: libgoaudit.so: not found beside goaudit: install it with make install' ] ||
	fail "$(status_of alone/goaudit run ./host)"
