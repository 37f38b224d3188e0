#!/bin/bash
# gdb, in batch mode: breakpoints on a guest's function and by file and line, set
# before anything is loaded, are hit in the first generation and, after a change
# that moves the code by three lines, in the second; a parked object is not in
# `info sharedlibrary`, and its code runs without the breakpoint; reinserted, they
# are hit again.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

source_of() { # GENERATION
	[ $1 = 1 ] || printf '/* a line\n   and\n   more */\n'
	cat <<C
int calls;
int guest_function(int x)
{
	int y = x + $1;		/* here */
	calls++;
	return y;
}
C
}
# Both are compiled from the same file name, as builds are.
mkdir src
for v in 1 2; do
	source_of $v >src/guest.c
	gcc -g -O0 -shared -fPIC -o v$v.so src/guest.c
	cp src/guest.c src/guest.c.$v
done
cp src/guest.c.1 src/guest.c
cp v1.so guest.so
cc_host host -O0 <<'C'
#include "host.h"
static int (*function)(int);
void marker(const char *what) { printf("host: %s\n", what); fflush(stdout); }
static void step(const char *what)
{
	marker(what);
	printf("host: %d\n", function(10));
	fflush(stdout);
}
int main(void)
{
	void *h = open_guest("./guest.so");
	function = (int (*)(int))find(h, "guest_function");
	step("generation 1");
	close_guest(h);
	step("parked");
	CHECK(open_guest("./guest.so") == h);
	step("reinserted");
	close_guest(h);
	replace("v2.so", "guest.so");
	replace("src/guest.c.2", "src/guest.c");
	h = open_guest("./guest.so");
	function = (int (*)(int))find(h, "guest_function");
	step("generation 2");
	replace("v1.so", "guest.so");
	replace("src/guest.c.1", "src/guest.c");
	h = dlreload(h);
	CHECK(h);
	function = (int (*)(int))find(h, "guest_function");
	step("generation 3");
	CHECK(dlreload(h) == h);
	step("reloaded unchanged");
	close_guest(h);
	marker("end");
	return 0;
}
C
cat >commands <<'G'
python
def hit(place):
    frame = gdb.selected_frame()
    say("%s: line %s of %s, x = %s, calls = %s, from %s" % (
        place, frame.find_sal().line, frame.name(), frame.read_var("x"),
        gdb.parse_and_eval("calls"), frame.older().name()))
def marked():
    say("%s: %d listed" % (gdb.selected_frame().read_var("what").string(), listed()))
here = Call("guest_function", lambda: hit("guest_function"))
line = Call("guest.c:6", lambda: hit("guest.c:6"))
say("before the start: %s, %s" % (
    "pending" if here.pending else "set", "pending" if line.pending else "set"))
Call("marker", marked)
end
run
G
expect_output gdb_run commands ./host <<'E'
gdb: before the start: pending, pending
gdb: generation 1: 1 listed
host: generation 1
gdb: guest_function: line 4 of guest_function, x = 10, calls = 0, from entry_of_guest_function
gdb: guest.c:6: line 6 of guest_function, x = 10, calls = 1, from entry_of_guest_function
host: 11
gdb: parked: 0 listed
host: parked
host: 11
gdb: reinserted: 1 listed
host: reinserted
gdb: guest_function: line 4 of guest_function, x = 10, calls = 2, from entry_of_guest_function
gdb: guest.c:6: line 6 of guest_function, x = 10, calls = 3, from entry_of_guest_function
host: 11
gdb: generation 2: 1 listed
host: generation 2
gdb: guest_function: line 7 of guest_function, x = 10, calls = 0, from entry_of_guest_function
gdb: guest.c:6: line 7 of guest_function, x = 10, calls = 0, from entry_of_guest_function
host: 12
gdb: generation 3: 1 listed
host: generation 3
gdb: guest_function: line 4 of guest_function, x = 10, calls = 0, from entry_of_guest_function
gdb: guest.c:6: line 6 of guest_function, x = 10, calls = 1, from entry_of_guest_function
host: 11
gdb: reloaded unchanged: 1 listed
host: reloaded unchanged
gdb: guest_function: line 4 of guest_function, x = 10, calls = 1, from entry_of_guest_function
gdb: guest.c:6: line 6 of guest_function, x = 10, calls = 2, from entry_of_guest_function
host: 11
gdb: end: 0 listed
host: end
[Inferior 1 exited normally]
E
expect_no_snapshots
