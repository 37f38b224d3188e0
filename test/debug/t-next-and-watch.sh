#!/bin/bash
# gdb, in a Go guest that has itself reloaded: `goaudit next' comes back from the call that
# takes it out of the link map, and `goaudit watch' follows a Go variable; a breakpoint with a
# condition and a location in each of two builds is hit without warnings, in five generations.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

go_file guest/main.go <<'GO'
package main

/*
typedef void callback(void);
static void call(void *f) { ((callback *)f)(); }
*/
import "C"
import "unsafe"

const build = 1

var Count int

//export Work
func Work(reload unsafe.Pointer) int {
	Count += build
	n := Count * 100
	C.call(reload) // here
	n += build     // behind
	return n
}

func main() {}
GO
for i in 1 2 3 4 5; do
	sed -i "s/^const build = .*/const build = $i/" src/guest/main.go
	build_guest v$i.so guest -gcflags='-N -l'
done
cp v1.so guest.so
here=$(sed -n '/here/=' src/guest/main.go) behind=$(sed -n '/behind/=' src/guest/main.go)
cc_host host -O0 <<'C'
#include "gohost.h"
static void *guest;
static int build = 1;
static void next(void)
{
	char name[20];

	snprintf(name, sizeof name, "v%d.so", ++build);
	replace(name, "guest.so");
	CHECK(dlreload(guest) == guest);
}
void nothing(void) { }
static void work(void (*callback)(void))
{
	printf("host: %ld\n", ((long (*)(void *))find(guest, "Work"))((void *)callback));
	fflush(stdout);
}
int main(int argc, char **argv)
{
	(void)argv;
	guest = open_guest("./guest.so");
	if (argc > 1) {		/* within the guest's call */
		work(next);
		work(nothing);
		return 0;
	}
	for (int i = 1; i <= 5; i++) {
		work(nothing);
		if (i < 5)
			next();
	}
	return 0;
}
C

# From the third generation on one is current, one retired, and one gone.
cat >commands <<G
source $ROOT/gdb-scripts/goaudit-gdb.py
break main.go:$behind if n != 7
run
python
def shown(command):
    return gdb.execute(command, to_string=True)
for i in range(5):
    say("stop:", where(), "n =", value("n"), "Count =", value("'main.Count'"), "in", [
        "%d %s" % (g.number, g.state) for g in Process().generations
        if g.lo <= gdb.selected_frame().pc() < g.hi])
    shown("print n")
    shown("bt 1")
    shown("continue")
end
G
run_it() { gdb_run commands ./host "$@" | grep -v '^warning: .*Temporarily\|^Error in re-setting breakpoint 1: No symbol "n"'; }
for i in 1 2 3 4 5; do
	echo "gdb: stop: main.go:$behind in main.Work n = $((i * 100)) Count = $i in ['$i open']"
	echo "host: $((i * 101))"
done >want.txt
echo '[Inferior 1 exited normally]' >>want.txt
expect_output run_it <want.txt
! grep -q 'location number not found' gdb.log || fail "$(cat gdb.log)"

# What newer ones disable in a library that has left they do not set again.
[ "$(gdb_major)" -lt 16 ] || exit 0
cat >commands <<G
source $ROOT/gdb-scripts/goaudit-gdb.py
tbreak main.go:$here
run inside
python
gdb.execute("goaudit next", to_string=True)
say("next:", where(), "n =", value("n"))
say("as C:", "watch" in gdb.execute("goaudit watch 'main.Count'", to_string=True))
gdb.execute("continue", to_string=True)
say("watched:", where(), value("'main.Count'"))
gdb.execute("delete")
end
continue
G
cp v1.so guest.so
expect_output run_it <<E
gdb: next: main.go:$behind in main.Work n = 100
gdb: as C: True
host: 101
gdb: watched: main.go:$(sed -n '/n := Count/=' src/guest/main.go) in main.Work 2
host: 202
[Inferior 1 exited normally]
E

# The control: gdb's own next goes on and on.
cp v1.so guest.so
cat >commands <<G
source $ROOT/gdb-scripts/goaudit-gdb.py
tbreak main.go:$here
run inside
python
try:
    gdb.execute("next", to_string=True)
    say("came back:", where())
except gdb.error as e:
    say("the end")
end
G
gdb_run commands ./host >control.txt
! grep -q "came back: main.go:$behind" control.txt || fail "next comes back: say so in goaudit(7)"
