#!/bin/bash
# The variables: what is understood, what is logged and keeps its default, and that code
# and manual have the same table.
. "$(dirname "$0")/../lib.sh"

table=$ROOT/audit/core/settings.c manual=$ROOT/audit/man/goaudit.7
# "NAME<tab>DEFAULT" of the table, and the names in the manual.
sed -n 's/^	{ "\(GOAUDIT_[A-Z_]*\)", "\([^"]*\)",.*/\1	\2/p' "$table" | sort >code.txt
[ "$(wc -l <code.txt)" -gt 5 ] || fail "the table of settings.c was not found"
awk '/^\.Sh ENVIRONMENT/ { on = 1 } /^\.Sh DEBUGGING/ { on = 0 } on && /^\.It Ev/ { print $3 }' "$manual" | sort >named.txt
cut -f1 code.txt | diff - named.txt || fail "settings.c and goaudit(7) do not have the same variables"
while IFS='	' read -r name default; do
	awk -v name="$name" '/^\.It Ev/ { on = $3 == name } on' "$manual" | tr '\n' ' ' |
		sed 's/ \.\(Pa\|Li\) / /g; s/ ,/,/g' | grep -qF "Default: $default" ||
		fail "goaudit(7): $name: its default is not \"$default\", as in settings.c"
done <code.txt
# Nobody else reads such a variable (but for the tests' build).
# shellcheck disable=SC2046
strangers=$(grep -n 'getenv("GOAUDIT' $(module_sources '*.c') "$ROOT"/dlbind/*.c | grep -v 'GOAUDIT_TEST_' || true)
[ -z "$strangers" ] || fail "read without the table:
$strangers"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./guest.so");
	printf("%d\n", call(h, "value"));
	close_guest(h);
	return 0;
}
C
# try NAME VALUE: what the log says of it.
try() {
	rm -f log
	[ "$(env LD_AUDIT="$AUDIT" GOAUDIT_LOG=./log "$1=$2" ./host 2>&1)" = 1 ] || fail "$1=$2: the host does not work"
	grep -F 'not understood' log | sed 's/^goaudit\[[0-9]*\] [-0-9T:.]*Z: //' || true
}
fine() { [ -z "$(try "$1" "$2")" ] || fail "$1=$2: $(try "$1" "$2")"; }
strange() {
	case $(try "$1" "$2") in
	"$1=$2: not understood, so it is $(awk -F'	' -v n="$1" '$1 == n { print $2 }' code.txt): set it to "*) ;;
	*) fail "$1=$2: the log says: $(try "$1" "$2")" ;;
	esac
}
for v in 0 1 256 256,0 0,0 3,4K 3,4M 3,4G 4294967295,17179869183G ''; do fine GOAUDIT_HELD "$v"; done
# shellcheck disable=SC2258	# values that nobody means
for v in x 256, ,1G 256,1T 256,x -1 ' 1' 256x 256,1GG 4294967296 1,17179869184G 1,2,3 99999999999999999999; do
	strange GOAUDIT_HELD "$v"
done
for v in 0 1 4294967295 ''; do fine GOAUDIT_PARKED "$v"; done
for v in x -1 1,2 4294967296; do strange GOAUDIT_PARKED "$v"; done
for v in 0 1 65536 ''; do fine GOAUDIT_OLD_GENERATIONS "$v"; done
for v in 65537 x -1 1.5; do strange GOAUDIT_OLD_GENERATIONS "$v"; done
for v in 0 20 100 ''; do fine GOAUDIT_REAPER_SHARE "$v"; done
for v in 101 x 20% -1 1.5; do strange GOAUDIT_REAPER_SHARE "$v"; done
for v in 0 1 4294967295 ''; do fine GOAUDIT_INIT_TIMEOUT "$v"; done
for v in x 1s -1 4294967296; do strange GOAUDIT_INIT_TIMEOUT "$v"; done
for v in return ''; do fine GOAUDIT_PANIC "$v"; done
for v in 1 Return exit; do strange GOAUDIT_PANIC "$v"; done
for v in 0 1 ''; do fine GOAUDIT_HERE_ONLY "$v"; done
for v in yes 2; do strange GOAUDIT_HERE_ONLY "$v"; done
for v in '' : ':::' '*'; do fine GOAUDIT_RELOADABLE "$v"; done
fine GOAUDIT_SNAPSHOTS ''; fine GOAUDIT_CACHE ''; fine GOAUDIT_KEEP ''
expect_no_snapshots
fine GOAUDIT_KEEP 0
expect_no_snapshots
fine GOAUDIT_KEEP 1
[ -n "$(find snapshots -name guest.so)" ] || fail "GOAUDIT_KEEP=1 keeps nothing"
# A glob may be longer than a name.
long=$(printf '%0600d' 0 | tr 0 '?')
env LD_AUDIT="$AUDIT" GOAUDIT_LOG=./log GOAUDIT_RELOADABLE="$long:guest*" ./host >/dev/null
grep -q 'guest.so: generation 1: open' log || fail "a long glob hides the next"
