#!/bin/bash
# Two generations at once, with a global of the same name, and a reload in the
# middle of what the user does: `next' goes over it, `print' then shows the current
# generation's variable, bt and `finish' lead through the old generation's frame
# (goaudit-gdb.py), and a watchpoint on the old variable's location goes on for
# as long as it is there.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

# Some virtual machines have debug registers that never fire; there gdb steps, for which
# the reload itself is too long.
cc_host plain -O0 <<'C'
int number;
int main(void)
{
	number += 10;
	return number - 10;
}
C
hardware=False
gdb -nx -batch -ex 'set startup-with-shell off' -ex 'break main' -ex run -ex 'watch -location number' \
	-ex continue ./plain 2>&1 </dev/null | grep -q '^New value = 10' && hardware=True

for v in 1 2; do
	cc_so v$v.so -O0 <<C
int number = $v;
int guest_function(void (*reload)(void))
{
	if (reload)
		reload();
	number += 10;
	return number;
}
C
done
cp v1.so guest.so
cc_host host -O0 <<'C'
#define TEST_RAW
#include "host.h"
static void *h, *old;
static int (*function)(void (*)(void));
void reload(void)
{
	replace("v2.so", "guest.so");
	CHECK((h = dlreload(h)) != old);
}
static void get(void *handle) { function = (int (*)(void (*)(void)))find(handle, "guest_function"); }
int main(void)
{
	h = old = open_guest("./guest.so");
	CHECK(open_guest("./guest.so") == h);
	get(h);
	printf("host: %d\n", function(reload));
	get(h);
	printf("host: %d\n", function(NULL));	/* again */
	fflush(stdout);
	close_guest(old);
	replace("v1.so", "guest.so");
	h = dlreload(h);			/* over */
	get(h);
	printf("host: %d\n", function(NULL));
	close_guest(h);
	return 0;
}
C
cat >commands <<G
source $ROOT/gdb-scripts/goaudit-gdb.py
break guest_function
run
python
hardware = $hardware
if not hardware:
    gdb.execute("set can-use-hw-watchpoints 0")
def run(command):
    gdb.execute(command, to_string=True)
    say("%s: in %s, number = %s, %d listed" % (
        command, gdb.selected_frame().name(), gdb.parse_and_eval("number"), listed()))
say("number = %s" % gdb.parse_and_eval("number"))
def watch():
    gdb.execute("watch -location number", to_string=True)
    return "*(int *) %d" % int(gdb.parse_and_eval("&number"))
location = watch()
gdb.execute("tbreak reload", to_string=True)
run("continue")
if not hardware:
    gdb.execute("disable 2")
gdb.execute("next", to_string=True)
run("next")
say("stack:", " ".join(calls()))
run("finish")
if not hardware:
    gdb.execute("enable 2")
def watched():
    gdb.execute("continue", to_string=True)
    say("watched: in %s, now %s" % (gdb.selected_frame().name(), gdb.parse_and_eval(location)))
watched()
gdb.execute("delete 2")
run("continue")
location = watch()
watched()
gdb.execute("delete")
end
continue
G
expect_output gdb_run commands ./host <<'E'
gdb: number = 1
gdb: continue: in reload, number = 1, 1 listed
gdb: next: in reload, number = 2, 1 listed
gdb: stack: reload guest_function main
gdb: finish: in guest_function, number = 2, 1 listed
gdb: watched: in guest_function, now 11
gdb: continue: in guest_function, number = 2, 1 listed
gdb: watched: in guest_function, now 12
host: 11
host: 12
host: 11
[Inferior 1 exited normally]
E
expect_no_snapshots
