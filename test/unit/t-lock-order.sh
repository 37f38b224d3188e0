#!/bin/bash
# Locks are taken in the order of api/locks.h, by threads that open, close, reload, fork, call
# and panic: in the tests' module each has a rank, and one out of order ends the process.
. "$(dirname "$0")/../lib.sh"
switches=$GOAUDIT_BUILD/test/switches
[ -f "$switches/libgoaudit.so" ] || skip "the tests' module is not built"

# Such a thing is seen, one of each kind.
control() { # KIND WHAT-IS-SAID
	local status=0
	{ GOAUDIT_TEST_LOCKS=$1 LD_AUDIT=$switches/libgoaudit.so /bin/true >said 2>&1 || status=$?; } 2>/dev/null
	[ "$status $(cat said)" = "134 locks: $2" ] || fail "$1: status $status: $(cat said)"
}
control order "core.lock is taken after core.errors.lock"
control twice "core.lock is taken after core.lock"
control leaf "panics.lock is taken under the leaf core.errors.lock"
control call "loader.calls_lock means ld.so: it is called with core.lock"
control wait "core.lock is waited with while it has core.errors.lock"
LD_AUDIT=$switches/libgoaudit.so /bin/true || fail "/bin/true"
# and users' module has no such thing
[ -z "$(GOAUDIT_TEST_LOCKS=order LD_AUDIT=$AUDIT /bin/true 2>&1)" ] || fail "GOAUDIT_TEST_LOCKS works in the real module"

# The tests with threads, in a build whose module is that one.
mkdir ranked
for f in "$GOAUDIT_BUILD"/*; do ln -s "$f" ranked; done
ln -sf "$switches/libgoaudit.so" ranked/libgoaudit.so
status=0
env -u TEST_DIR GOAUDIT_BUILD="$PWD/ranked" TMPDIR="$PWD" FORKS=5 SECONDS_OF_THREADS=10 "$ROOT/test/run" -j 1 \
	reopen/threads reload/threads-reload process/fork-any-time calls/call-under-way calls/panic-returns \
	>run.txt 2>&1 || status=$?
cat run.txt
[ $status = 0 ] || fail "the tests with the ranks"
case $(tail -n 1 run.txt) in
"5 passed, 0 failed, 0 skipped") ;;
*", 0 failed, "*) skip "tests with threads: $(tail -n 1 run.txt)" ;;
*) fail "no result" ;;
esac
