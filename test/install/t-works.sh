#!/bin/bash
# The short form of `make check-installed': the demo, and some tests of each part,
# against an installed tree while the build folder is out of reach.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

unset GODEBUG
TMPDIR=$PWD "$ROOT/test/installed" reload/dlreload debug/gdb guests/origin debug/across \
	dlbind/later dlbind/audited tool/run tool/status >out 2>&1 || fail "$(cat out)"
grep -q '^demo: ok: 3 generations' out || fail "$(cat out)"
tail -n 1 out | grep -q '^1[0-9] passed, 0 failed, 0 skipped$' || fail "$(cat out)"
