#!/bin/bash
# A hundred reloads under gdb, half of them while the guest is parked, half by
# dlreload: a breakpoint set before the first load is hit in each generation, gdb
# reads each generation's file once, and no more than one is ever listed.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

for v in 1 2; do
	echo "int number = $v; int guest_function(void) { return number; }" |
		cc_so v$v.so -O0
done
cp v1.so guest.so
cc_host host -O0 <<'C'
#include "host.h"
void round_done(int round) { (void)round; }
int main(void)
{
	void *h = open_guest("./guest.so");
	for (int i = 1; i <= 100; i++) {
		replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
		if (i % 4 < 2) {
			close_guest(h);
			h = open_guest("./guest.so");
		} else {
			CHECK((h = dlreload(h)));
		}
		CHECK(((int (*)(void))find(h, "guest_function"))() == 1 + i % 2);
		round_done(i);
	}
	close_guest(h);
	printf("host: end\n");
	return 0;
}
C
cat >commands <<'G'
python
hits, most, wrong = [], 0, []
loads = Loads()
def hit():
    hits.append(int(gdb.parse_and_eval("number")))
def done():
    if listed() != 1:
        wrong.append(listed())
Call("guest_function", hit)
Call("round_done", done)
end
run
python
say("%d hits, %d in each generation's own data, %d loads" % (
    len(hits), sum(n == 1 + (i + 1) % 2 for i, n in enumerate(hits)), loads.count))
say("not exactly one listed: %d times" % len(wrong))
end
G
expect_output gdb_run commands ./host <<'E'
host: end
[Inferior 1 exited normally]
gdb: 100 hits, 100 in each generation's own data, 101 loads
gdb: not exactly one listed: 0 times
E
expect_no_snapshots

# Controls: a module that lets gdb see a retired object again when it is unmapped,
# and one that leaves it in the link map beside the new one.
cp v1.so guest.so
control_module seen debugger_close <<'C'
int dlclose(void *);
void __wrap_debugger_close(void *ga, void *map) { dlclose(map); }
C
GDB_AUDIT=$TEST_DIR/seen/libgoaudit.so gdb_run commands ./host >control.txt
grep -q '^gdb: 100 hits' control.txt || fail "control: $(cat control.txt)"
[ "$(gdb_major)" -ge 17 ] || # newer ones know it again
	! grep -q ' 101 loads' control.txt || fail "gdb reads nothing twice in the control"
cp v1.so guest.so
control_module listed debugger_hide <<<'void __wrap_debugger_hide(void *ga, void *gen) {}'
GDB_AUDIT=$TEST_DIR/listed/libgoaudit.so gdb_run commands ./host >control.txt
! grep -q 'not exactly one listed: 0 times' control.txt ||
	fail "one generation is listed in the control: $(cat control.txt)"
