#!/bin/bash
# A hundred reloads under gdb, half of them while the guest is parked, half by
# dlreload: a breakpoint set before the first load is hit in each generation, gdb
# reads each generation's file once, and no more than one is ever listed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/gdblib.sh"

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
