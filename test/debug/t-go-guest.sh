#!/bin/bash
# A Go guest under gdb, without any script: a breakpoint by file and line, set
# before anything is loaded, is hit in the first generation; bt leads from there
# through the Go runtime to the host's main; strings, slices, maps, structs,
# interfaces and what the shared runtime's types are made of have their values;
# next, step and finish do what they say.  Then the source changes, the guest is
# reloaded, and the breakpoint has moved to the new generation's line, with new
# values.  C that the guest calls is unwound to the host's main, too.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

source_of() { # GENERATION
	cat <<GO
package main

// typedef void (*function)(int);
// static void call(void *f, int x) { ((function)f)(x); }
import "C"

import (
	"bytes"
	"unsafe"
)
$([ $1 = 1 ] || printf '\n// Two more\n// lines.\n')
type point struct {
	X, Y int
	Name string
}

type shape interface{ Area() int }

func (p *point) Area() int { return p.X * p.Y }

var generation = $1

//export Work
func Work(n int, callback unsafe.Pointer) int {
	text := "text of $1"
	list := []int{n, n + 1, $1}
	table := map[string]int{"n": n}
	p := point{3, 4, text}
	var s shape = &point{p.X, p.Y, ""}
	buffer := bytes.NewBufferString("in it")
	sum := add(list, s) // here
	sum += table["n"] + buffer.Len()
	C.call(callback, C.int(sum+generation))
	return sum
}

//go:noinline
func add(list []int, s shape) int {
	sum := s.Area()
	for _, v := range list {
		sum += v
	}
	return sum
}

func main() {}
GO
}
source_of 1 | go_file guest/guest.go
build_guest v1.so guest -gcflags='-N -l'
cp src/guest/guest.go guest.go.1
source_of 2 >src/guest/guest.go
build_guest v2.so guest -gcflags='-N -l'
cp src/guest/guest.go guest.go.2
cp guest.go.1 src/guest/guest.go
cp v1.so guest.so

cc_host host -O0 <<'C'
#include "gohost.h"
void called_back(int x) { printf("host: called back with %d\n", x); fflush(stdout); }
int work(void *h, long n)
{
	long (*f)(long, void *) = (long (*)(long, void *))find(h, "Work");
	return f(n, (void *)called_back);
}
int main(void)
{
	void *h = open_guest("./guest.so");
	printf("host: %d\n", work(h, 7));
	fflush(stdout);
	replace("v2.so", "guest.so");
	replace("guest.go.2", "src/guest/guest.go");
	CHECK((h = dlreload(h)));
	printf("host: %d\n", work(h, 8));
	close_guest(h);
	return 0;
}
C
cat >commands <<'G'
python
def stack():
    """Without the runtime's own frames, which differ between Go versions."""
    return " ".join(n for n in calls() if not re.match(
        r"runtime\.(cgocallbackg|asmcgocall|cgocall$)|_cgo|main\._Cfunc|main\.Work\.func", n))
def line_of(file, text):
    return [i for i, l in enumerate(open(file), 1) if text in l][0]
def run(command):
    gdb.execute(command, to_string=True)
    say(command.split()[0] + ": at", where())
def field(variable, *names):
    """len is no field's name in gdb's Go."""
    v = gdb.parse_and_eval(variable)
    for n in names:
        v = v[n]
    return v
def values():
    say("at", where())
    say("stack:", stack())
    text, items = field("text"), field("list", "array")
    say("n = %s, text = %s" % (field("n"), text["str"].string(length=int(text["len"]))))
    say("list: len %s, %s %s" % (field("list", "len"), items[0], items[2]))
    say("table: %s, used %s" % (field("table").type, field("table", "used")))
    say("p = %s %s, name of %s" % (field("p", "X"), field("p", "Y"), field("p", "Name", "len")))
    say("s: %s of %s" % (field("s").type, re.search(r"go:itab\S+", gdb.execute(
        "info symbol s.tab", to_string=True)).group()))
    say("buffer: %s, len %s" % (field("buffer").type, field("buffer", "buf", "len")))
    say("generation =", field("'main.generation'"))
here = gdb.Breakpoint("guest.go:%d" % line_of("src/guest/guest.go", "// here"))
say("pending" if here.pending else "set")
end
run
python
values()
run("step")
say("list: len", field("list", "len"))
run("next")
run("step")
run("finish")
run("next")
say("sum =", value("sum"))
here.enabled = False
gdb.Breakpoint("called_back", temporary=True)
run("continue")
say("stack:", stack())
here.delete()
moved = gdb.Breakpoint("guest.go:%d" % line_of("guest.go.2", "// here"))
run("continue")
values()
moved.delete()
end
continue
G
called_back='void called_back(int x) { printf("host: called back with %d\n", x); fflush(stdout); }'
expect_output gdb_run commands ./host <<E
gdb: pending
gdb: at guest.go:31 in main.Work
gdb: stack: main.Work runtime.cgocallback crosscall2 Work entry_of_Work work main
gdb: n = 7, text = text of 1
gdb: list: len 3, 7 1
gdb: table: map[string]int, used 1
gdb: p = 3 4, name of 9
gdb: s: main.shape of go:itab.*main.point,main[shape]
gdb: buffer: bytes.Buffer *, len 5
gdb: generation = 1
gdb: step: at guest.go:38 in main.add
gdb: list: len 3
gdb: next: at guest.go:39 in main.add
gdb: step: at guest.go:19 in main.(*point).Area
gdb: finish: at guest.go:39 in main.add
gdb: next: at guest.go:40 in main.add
gdb: sum = 12
gdb: continue: at t-go-guest.sh:$(line_of "$called_back") in called_back
gdb: stack: called_back main.Work runtime.cgocallback crosscall2 Work entry_of_Work work main
host: called back with 41
host: 40
gdb: continue: at guest.go:33 in main.Work
gdb: at guest.go:33 in main.Work
gdb: stack: main.Work runtime.cgocallback crosscall2 Work entry_of_Work work main
gdb: n = 8, text = text of 2
gdb: list: len 3, 8 2
gdb: table: map[string]int, used 1
gdb: p = 3 4, name of 9
gdb: s: main.shape of go:itab.*main.point,main[shape]
gdb: buffer: bytes.Buffer *, len 5
gdb: generation = 2
host: called back with 46
host: 44
[Inferior 1 exited normally]
E
expect_no_snapshots
