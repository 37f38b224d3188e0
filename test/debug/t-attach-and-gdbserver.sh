#!/bin/bash
# gdb that comes late, and gdb that is far away: attached to a stripped host that
# was linked with -z now, while its guest is open, while it is parked, and through
# gdbserver from the start.  Each time breakpoints on the guest's function and by
# file and line are hit from then on, in reinserted and in new generations, and
# exactly what is open is listed.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

for v in 1 2; do
	{ [ $v = 1 ] || printf '/* one\n   more */\n'; cat <<C
int number = $v;
int guest_function(int x)
{
	return x + number;	/* here */
}
C
	} >guest.c
	gcc -g -O0 -shared -fPIC -o v$v.so guest.c
	cp guest.c guest.c.$v
done
# It stops itself where the debugger is to come in, and so waits for it.
cc_host host -O0 -s -Wl,-z,now <<'C'
#include "host.h"
#include <signal.h>
#include <sys/prctl.h>
static const char *stop_at;
static void *h;
static void step(const char *name)
{
	if (strcmp(name, stop_at) == 0)
		raise(SIGSTOP);
	if (strcmp(name, "parked") != 0)
		printf("host: %s: %d\n", name,
		       ((int (*)(int))find(h, "guest_function"))(10));
	fflush(stdout);
}
int main(int argc, char **argv)
{
	stop_at = argv[1];
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	h = open_guest("./guest.so");
	step("open");
	close_guest(h);
	step("parked");
	CHECK(open_guest("./guest.so") == h);
	step("reinserted");
	close_guest(h);
	replace("v2.so", "guest.so");
	replace("guest.c.2", "guest.c");
	h = open_guest("./guest.so");
	step("replaced");
	close_guest(h);
	return 0;
}
C
cat >look <<'G'
python
def hit():
    f = gdb.selected_frame()
    say("%s line %d, x = %s, number = %s, %d listed" % (
        f.name(), f.find_sal().line, f.read_var("x"), gdb.parse_and_eval("number"), listed()))
say("%d listed" % listed())
Call("guest_function", hit)
Call("guest.c:4", hit)
end
G
attach() { # STATE
	local pid
	cp v1.so guest.so
	cp guest.c.1 guest.c
	env LD_AUDIT="$AUDIT" ./host $1 >host.txt 2>&1 &
	pid=$!
	wait_for_stop $pid
	# Attaching and going on: the stop signal is not for the host any more.
	{ echo 'handle SIGSTOP nostop noprint nopass'; cat look; echo continue; } >commands
	gdb_run commands -p $pid >gdb.txt
	wait $pid || fail "the host's status is $?: $(cat host.txt gdb.log)"
	cat gdb.txt
	cat host.txt
}
# Line 4 has the statement in generation 1; in generation 2 it begins the
# function.
attach open >open.txt
attach parked >parked.txt
diff -u - open.txt <<'E' || fail "attached while open"
gdb: 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
[Inferior 1 exited normally]
host: open: 11
host: reinserted: 11
host: replaced: 12
E
diff -u - parked.txt <<'E' || fail "attached while parked"
gdb: 0 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
[Inferior 1 exited normally]
host: open: 11
host: reinserted: 11
host: replaced: 12
E

command -v gdbserver >/dev/null || skip "no gdbserver"
cp v1.so guest.so
cp guest.c.1 guest.c
{
	echo 'set sysroot /'
	echo "target remote | LD_AUDIT= gdbserver --once --wrapper env LD_AUDIT=$AUDIT -- - ./host never 2>/dev/null"
	cat look
	echo continue
} >commands
gdb_run commands ./host >server.txt
diff -u - server.txt <<'E' || fail "gdbserver"
gdb: 0 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 4, x = 10, number = 1, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
gdb: guest_function line 6, x = 10, number = 2, 1 listed
[Inferior 1 exited normally]
E
