#!/bin/bash
# A guest for each kind of thing that may hold one: it is unmapped at once, or
# held by exactly that and unmapped after it is gone; and nothing ever touches
# its addresses again.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"
build_table

run() { # CASES HELD COMMAND...
	local cases=$1 held=$2
	shift 2
	run_audited "$@" >table.txt 2>&1 || { cat table.txt; fail "$*"; }
	tail -n 1 table.txt | grep -qx "$cases cases, $held held at first, 0 failed" ||
		fail "$*: $(tail -n 1 table.txt)"
}

expect_refused ./host
# With gccheckmark nothing stops a goroutine in a loop; a garbage finalizer may
# have run before it is seen, which is one held less.
run 66 "3[789]" ./host
GODEBUG=clobberfree=1,cgocheck=0 run 1 1 ./host spinning
