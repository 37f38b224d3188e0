#!/bin/bash
# The same verdicts with the collector off, with one P, without asynchronous
# preemption, with a collection running all the time, and in the stopped world.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"
build_table
cases="plain itabs reflect json weak string parked syscall cgo afterfunc-alone ticker-loop
	finalizer cleanup log any error map-key closure chan object-large finalizer-own"

run() { # COMMAND...
	# shellcheck disable=SC2086
	run_audited "$@" $cases >table.txt 2>&1 || { cat table.txt; fail "$*"; }
	tail -n 1 table.txt | grep -qx "22 cases, 1[45] held at first, 0 failed" ||
		fail "$*: $(tail -n 1 table.txt)"
}

GOGC=off run ./host
GOGC=1 run ./host
GOMAXPROCS=1 run ./host
GODEBUG=$GODEBUG,asyncpreemptoff=1 run ./host
GODEBUG=cgocheck=0 run ./host -g
# and as where the kernel cannot track writes
AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so GOAUDIT_TEST_UNLINK=2 run ./host
