#!/bin/bash
# What the other tests stand on: without the signals of preemption the program hangs, by
# Go's own switch and where the kernel loses them; with them it ends.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

dfly_build goroutines
expect_output dfly ./goroutines <<'O'
contended 10000 passed 2000
ticks true
preempted
O
# It has come to where it hangs when its second line is there; then it gets time that is
# more than all before took, and the rest takes a tenth of that.
hangs() { # COMMAND...
	local begin=$EPOCHREALTIME pid took waited=0
	"$@" >out.txt 2>&1 &
	pid=$!
	until grep -q '^ticks' out.txt; do
		kill -0 $pid || { cat out.txt; fail "$*: ended"; }
		sleep 0.05
	done
	took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
	while [ $waited -lt $((1000 + took)) ]; do
		sleep 0.1
		waited=$((waited + 100))
		kill -0 $pid 2>/dev/null || { cat out.txt; fail "$*: ended, so the signals are not needed"; }
	done
	kill -KILL $pid
	wait $pid 2>/dev/null || true
	! grep -q preempted out.txt || fail "preempted without signals"
}
hangs env GODEBUG=asyncpreemptoff=1 "$DFLY" dfly ./goroutines
cc_host refuse <"$ROOT/test/dfly/refuse.c"
hangs ./refuse 234 0 "$DFLY" dfly ./goroutines		# tgkill
