#!/bin/bash
# In a set-user-ID program the environment says nothing: no log, no globs, no
# snapshot folder of the caller's choice.  ld.so takes LD_AUDIT there only from
# its own folders, so the module has to be installed in one for a moment.
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" = 0 ] || skip "needs root: a set-user-ID program in a system folder"
case $(findmnt -no OPTIONS -T .) in *nosuid*) skip "$PWD is mounted nosuid" ;; esac
system=$(dirname "$(gcc -print-file-name=libc.so.6)")
[ -w "$system" ] || skip "$system cannot be written to"
command -v setpriv >/dev/null || skip "no setpriv"
may_gain_privileges || skip "set-user-ID programs gain nothing here (no_new_privs)"
module=
public_module module
# In that mode ld.so wants the set-user-ID bit on an audit library, too.
name=libgoaudit-test-$$.so
trap 'rm -f "$system/$name"; cleanup' EXIT
install -m 4755 "$AUDIT" "$system/$name"

cc_so guest.so <<<'static int n; int value(void) { return ++n; }'
cc_host host <<'C'
#include "host.h"
#include <sys/auxv.h>
int main(int argc, char **argv)
{
	void *h;

	printf("secure %lu, module %s\n", getauxval(AT_SECURE),
	       dlsym(RTLD_DEFAULT, "dlreload") ? "there" : "absent");
	for (int i = 0; i < 2; i++) {
		h = open_mode(argv[1], RTLD_NOW);
		printf("%d\n", call(h, "value"));
		close_guest(h);
	}
	return 0;
}
C
mkdir -m 777 theirs
run() { # MODULE PROGRAM
	setpriv --reuid 65534 --clear-groups env LD_AUDIT="$1" \
		GOAUDIT_LOG="$PWD/theirs/log" GOAUDIT_RELOADABLE='*' \
		GOAUDIT_SNAPSHOTS="$PWD/theirs/snapshots" "$2" "$PWD/guest.so"
}
install -m 4755 host secure
expect_output run "$name" ./secure <<'E'
secure 1, module there
1
1
E
[ ! -e theirs/log ] || fail "a log was written: $(cat theirs/log)"
[ ! -e theirs/snapshots ] || fail "snapshots were made"

# The control: an ordinary program obeys.
expect_output run "$module" ./host <<'E'
secure 0, module there
1
2
E
[ -s theirs/log ] || fail "the control wrote no log"
[ -d theirs/snapshots ] || fail "the control made no snapshots"
