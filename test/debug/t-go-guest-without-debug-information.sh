#!/bin/bash
# Go guests that were linked without debug information, one of them stripped of
# its symbols too: gdb has breakpoints by function and by line, at instructions
# where a line begins, bt with all names and lines, and steps.  With the user's
# own file gdb cannot: what it goes by is in the snapshot.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

go_file guest/guest.go <<'GO'
package main

import "C"

var total int

//export Work
func Work(n int) int {
	for i := 0; i < n; i++ {
		total += twice(i)
	}
	return sum(n) // here
}

func twice(x int) int { return 2 * small(x) }

func small(x int) int { return x % 5 }

//go:noinline
func sum(n int) int {
	if n == 0 {
		return total
	}
	return n + sum(n-1)
}

func main() {}
GO
build_guest w.so guest -ldflags=-w
build_guest s.so guest -ldflags='-s -w'
cc_host host -O0 <<'C'
#include "gohost.h"
int main(int argc, char **argv)
{
	void *h = open_guest(argv[1]);
	printf("host: %ld\n", ((long (*)(long))find(h, "Work"))(3));
	close_guest(h);
	return 0;
}
C
cat >commands <<'G'
python
def stack():
    """The C stub has no name in a stripped guest."""
    return " ".join("Work" if n == "??" else n for n in calls() if not re.match(
        r"runtime\.cgocallbackg|_cgo", n))
def run(command):
    gdb.execute(command, to_string=True)
    say(command.split()[0] + ": at", where())
line = gdb.Breakpoint("guest.go:12", temporary=True)
end
run
python
say("at", where())
say("stack:", stack())
run("step")
gdb.execute("break main.sum")
run("continue")
run("continue")
say("stack:", stack())
gdb.execute("delete")
run("finish")
run("finish")
inlined = gdb.decode_line("guest.go:17")[1]
say("line 17, inlined, is in", {gdb.block_for_pc(s.pc).function.name for s in inlined})
end
continue
G
cat >expected <<'E'
gdb: at guest.go:12 in main.Work
gdb: stack: main.Work runtime.cgocallback crosscall2 Work entry_of_Work main
gdb: step: at guest.go:20 in main.sum
gdb: continue: at guest.go:21 in main.sum
gdb: continue: at guest.go:21 in main.sum
gdb: stack: main.sum main.sum main.Work runtime.cgocallback crosscall2 Work entry_of_Work main
gdb: finish: at guest.go:24 in main.sum
gdb: finish: at guest.go:12 in main.Work
gdb: line 17, inlined, is in {'main.small'}
host: 12
[Inferior 1 exited normally]
E
for kind in w s; do
	expect_output gdb_run commands --args ./host ./$kind.so <expected
done
expect_no_snapshots

gdb -nx -batch -ex 'info line guest.go:12' w.so >own.txt 2>&1 || true
! grep -q 'starts at address' own.txt ||
	fail "w.so has lines by itself: this test proves nothing"
