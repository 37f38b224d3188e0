#!/bin/bash
# gdb steps from the host's call, by an address that was taken before the reload, into
# the function of the new generation, and comes back with its value; a breakpoint in
# the new code hits; `bt` leaves the entry out where goaudit-gdb.py is loaded.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

cat >guest1.c <<'C'
int guest_function(int x)
{
	return x + 1;
}
C
cat >guest2.c <<'C'
static int twice(int x)
{
	return x * 2;
}

int guest_function(int x)
{
	int y = twice(x);

	return y + 2;
}
C
gcc -g -O0 -shared -fPIC -o v1.so guest1.c
gcc -g -O0 -shared -fPIC -o v2.so guest2.c
cp v1.so guest.so
cat >host.c <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./guest.so");
	int (*f)(int) = (int (*)(int))find(h, "guest_function");
	int r = f(1);

	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	r = f(10);
	r = f(20);
	printf("host: %d\n", r);
	return 0;
}
C
gcc $CFLAGS -O0 -o host host.c
cat >commands <<G
set environment LD_AUDIT $AUDIT
set environment GOAUDIT_SNAPSHOTS $GOAUDIT_SNAPSHOTS
set breakpoint pending on
break host.c:6
run
step
info line
python print("gdb: step: " + gdb.selected_frame().name(), gdb.selected_frame().find_sal().symtab.filename.split("/")[-1])
break host.c:10
continue
step
python print("gdb: step: " + gdb.selected_frame().name(), gdb.selected_frame().find_sal().line)
step
step
python print("gdb: step: " + gdb.selected_frame().name(), gdb.selected_frame().find_sal().line)
source $ROOT/gdb-scripts/goaudit-gdb.py
python
import re
print("gdb: stack:", *re.findall(r"(?:in )?(\w+)(?: \[[^\]]*\])? \(", gdb.execute("bt", False, True)))
end
break guest2.c:10
continue
continue
python print("gdb: hit: " + gdb.selected_frame().name(), gdb.parse_and_eval("y"))
delete
continue
G
gdb -nx -q -batch -iex 'set debuginfod enabled off' -iex 'set auto-load no' -x commands ./host >out 2>&1 || :
grep '^gdb: \|^host: ' out >seen || fail "$(cat out)"
expect_output cat seen <<'E'
gdb: step: guest_function guest1.c
gdb: step: guest_function 7
gdb: step: twice 3
gdb: stack: twice guest_function main
gdb: hit: guest_function 40
host: 42
E
