#!/bin/bash
# Breakpoints inserted in an object that leaves the link map: its code, called
# while it is parked, and after it has come back, runs as it was compiled.  The
# negative control is the same module, only that madvise does nothing in it: the
# breakpoint instruction that gdb forgot is executed, and kills the host.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

echo 'int guest_function(int x) { return x + 1; }' | cc_so guest.so -O0
cc_host host -O0 <<'C'
#include "host.h"
static int (*function)(int);
int main(void)
{
	void *h = open_guest("./guest.so");
	function = (int (*)(int))find(h, "guest_function");
	printf("host: open %d\n", function(1));
	fflush(stdout);
	close_guest(h);
	printf("host: parked %d\n", function(2));
	fflush(stdout);
	CHECK(open_guest("./guest.so") == h);
	printf("host: reinserted %d\n", function(3));
	return 0;
}
C
cat >commands <<'G'
python Call("guest_function", lambda: say("hit"))
run
G
expect_output gdb_run commands ./host <<'E'
gdb: hit
host: open 2
host: parked 3
gdb: hit
host: reinserted 4
[Inferior 1 exited normally]
E
expect_no_snapshots

# The control.
control_module control madvise <<<'int __wrap_madvise(void *a, unsigned long n, int w) { return 0; }'
GDB_AUDIT=$TEST_DIR/control/libgoaudit.so gdb_run commands ./host >control.txt
grep -q '^host: open 2' control.txt || fail "control: $(cat control.txt)"
[ "$(gdb_major)" -ge 17 ] || grep -q 'SIGTRAP' control.txt || # newer ones put the bytes back
	fail "the control runs, so this test proves nothing: $(cat control.txt)"
