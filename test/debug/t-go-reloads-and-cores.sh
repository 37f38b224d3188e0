#!/bin/bash
# A Go guest: forty reloads under gdb, a breakpoint set before the first load hit in
# each generation; a core file taken while the guest runs, and gdb attached to it,
# both with the whole stack from the guest to the host's main and its variables.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

go_file guest/guest.go <<'GO'
package main

// typedef void (*function)(void);
// static void call(void *f) { ((function)f)(); }
import "C"

import "unsafe"

//export Work
func Work(callback unsafe.Pointer) int {
	return work("generation 1", callback)
}

//go:noinline
func work(text string, callback unsafe.Pointer) int {
	if callback != nil {
		C.call(callback)
	}
	return int(text[11] - '0')
}

func main() {}
GO
build_guest v1.so guest -gcflags='-N -l'
variant v1.so v2.so 'generation 1' 'generation 2'
cp v1.so guest.so
cc_host host -O0 <<'C'
#include "gohost.h"
#include <signal.h>
#include <sys/prctl.h>
static void stop(void) { raise(SIGSTOP); }
int main(int argc, char **argv)
{
	void *h = open_guest("./guest.so");
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (int i = 1; i <= 40; i++) {
		replace(i % 2 ? "v2.so" : "v1.so", "guest.so");
		CHECK((h = dlreload(h)));
		CHECK(((long (*)(void *))find(h, "Work"))(
			i == 40 && argc > 1 ? (void *)stop : NULL) == 1 + i % 2);
	}
	close_guest(h);
	CHECK(goaudit_reclaim(NULL, 10000) == 0);
	printf("host: end\n");
	return 0;
}
C
cat >commands <<'G'
python
texts = []
loads = Loads()
def hit():
    text = gdb.parse_and_eval("text")
    texts.append(text["str"].string(length=int(text["len"])))
Call("main.work", hit)
end
run
python say(len(texts), "hits,", texts.count("generation 1"), "and", texts.count("generation 2"), "in each,", loads.count, "loads")
G
expect_output gdb_run commands ./host <<'E'
host: end
[Inferior 1 exited normally]
gdb: 40 hits, 20 and 20 in each, 41 loads
E
expect_no_snapshots

cat >look.py <<'G'
say(" ".join(n for n in calls() if not re.match(
    r"runtime\.(cgocallbackg|asmcgocall|cgocall$)|_cgo|main\._Cfunc|main\.work\.func|raise$|__|kill$|\?\?$|entry_of_", n)))
gdb.execute("frame function main.work", to_string=True)
text = gdb.parse_and_eval("text")
say("text =", text["str"].string(length=int(text["len"])), "at", where())
say(listed(), "listed")
G
cp v1.so guest.so
env LD_AUDIT="$AUDIT" ./host stop >host.txt 2>&1 &
pid=$!
wait_for_stop $pid
printf 'source look.py\ngenerate-core-file core.guest\n' >commands
look() {
	gdb_run commands -p $pid | grep '^gdb:'
	kill -KILL $pid
	wait $pid 2>/dev/null || true
	printf 'source look.py\n' >commands
	gdb_run commands ./host core.guest | grep '^gdb:'
}
expect_output look <<'E'
gdb: stop main.work main.Work runtime.cgocallback crosscall2 Work main
gdb: text = generation 1 at guest.go:17 in main.work
gdb: 1 listed
gdb: stop main.work main.Work runtime.cgocallback crosscall2 Work main
gdb: text = generation 1 at guest.go:17 in main.work
gdb: 1 listed
E
