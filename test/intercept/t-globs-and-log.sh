#!/bin/bash
# GOAUDIT_RELOADABLE gives the flag to programs that do not know it; GOAUDIT_LOG
# says what happens, on standard error or in a file.
. "$(dirname "$0")/../lib.sh"

mkdir plugins
cc_so plugins/a-plugin.so <<<'static int n; int value(void) { return ++n; }'
cp plugins/a-plugin.so plugins/b-plugin.so
cp plugins/a-plugin.so plugins/other.so
cc_host host <<'C'
#include "host.h"
int main(void)
{
	static const char *const names[] = { "a-plugin", "b-plugin", "other" };
	char path[100];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "./plugins/%s.so", names[i]);
		for (int k = 0; k < 2; k++) {
			void *h = open_mode(path, RTLD_NOW);
			printf("%d ", call(h, "value"));
			close_guest(h);
		}
	}
	printf("\n");
	return 0;
}
C
try() { # GLOBS EXPECTED
	expect_output env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE="$1" ./host <<<"$2"
	expect_no_snapshots
}
try '' '1 1 1 1 1 1 '
try 'nothing' '1 1 1 1 1 1 '
try '*-plugin.so' '1 2 1 2 1 1 '
try 'a-plugin.so:other.so' '1 2 1 1 1 2 '
try ":x:$PWD/plugins/b*:" '1 1 1 2 1 1 '
try "$PWD/plugins/*" '1 2 1 2 1 2 '
try '*/plugins/[ab]-*' '1 2 1 2 1 1 '

# The log: to standard error with 1, to a file with a path, nowhere with 0.
expect_output env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE='a*' GOAUDIT_LOG=0 ./host \
	<<<'1 2 1 1 1 1 '
log() { sed 's/^goaudit\[[0-9]*\] [-0-9T:.]*Z: /goaudit: /; s/: 0x[0-9a-f]*-0x[0-9a-f]*, .*, build id .*/: PLACE/' "$1"; }
env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE='a*' GOAUDIT_LOG=1 ./host >out 2>log ||
	fail "status $?"
[ "$(cat out)" = '1 2 1 1 1 1 ' ] || fail "the log has come into the output"
g=$PWD/plugins/a-plugin.so
expect_output log log <<E
goaudit: $g: generation 1: initialising
goaudit: $g: generation 1: PLACE
goaudit: $g: generation 1: open
goaudit: $g: generation 1: parked
goaudit: $g: generation 1: open
goaudit: $g: generation 1: parked
E
env LD_AUDIT="$AUDIT" GOAUDIT_RELOADABLE='a*' GOAUDIT_LOG=./logfile ./host >out 2>err ||
	fail "status $?"
[ -s err ] && fail "something on standard error"
[ "$(stat -c %a logfile)" = 600 ] || fail "the log's mode is $(stat -c %a logfile)"
log logfile >a; log log >b; cmp a b || fail "the logs differ"
