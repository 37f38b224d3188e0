#!/bin/bash
# goaudit-gdb.py: gdb loads it by itself where its safe-path allows; `info goaudit',
# `goaudit generations', marked frames, Go's own printers for a guest's values,
# `goaudit reread'; a retired generation is shown with who holds it, and its
# goroutine's frames have names.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

go_file guest/guest.go <<'GO'
package main

import "C"
import "fmt"

type name string

func (n *name) String() string { return string(*n) }

var release = make(chan bool)

//export Begin
func Begin() {
	started := make(chan bool)
	go wait(started)
	<-started
}

func wait(started chan bool) {
	close(started)
	<-release
}

//export Release
func Release() { close(release) }

//export Show
func Show(n int) int {
	text := "generation 1"
	list := []string{"a", "b"}
	table := map[string]int{"n": n}
	var any interface{} = text
	var s fmt.Stringer = (*name)(&text)
	return len(text) + len(list) + table["n"] + len(any.(string)) + len(s.String()) /* here */
}

func main() {}
GO
build_guest v1.so guest -gcflags='-N -l'
variant v1.so v2.so 'generation 1' 'generation 2'
sed 's|/. here|/* there|' src/guest/guest.go >guest.go.2
cp v1.so guest.so
cc_host host -O0 <<'C'
#include "gohost.h"
void marker(const char *what) { (void)what; }
int main(void)
{
	void *h = open_guest("./guest.so");
	((void (*)(void))find(h, "Begin"))();
	((long (*)(long))find(h, "Show"))(1);
	replace("v2.so", "guest.so");
	replace("guest.go.2", "src/guest/guest.go");
	CHECK((h = dlreload(h)));
	CHECK(goaudit_reclaim(h, 10000) == 1);
	((long (*)(long))find(h, "Show"))(2);
	marker("held");
	close_guest(h);
	printf("host: end\n");
	return 0;
}
C
cat >commands <<'G'
break guest.go:34
run
python
def show(command):
    text = gdb.execute(command, to_string=True)
    text = re.sub(r"0x[0-9a-f]+( <[^>]*>)?", "ADDRESS", text)
    text = re.sub(r"/[^ *]+/", "", text)
    text = re.sub(r"_cgoexp_\w+_Show", "_cgoexp_Show", re.sub(r"go1[.0-9]+", "goVERSION", text))
    text = re.sub(r"goroutine \d+", "goroutine N", text)
    text = re.sub(r"(open|retired) +\d+ +\d+ +guest", r"\1  N  N  guest", text)
    for line in text.splitlines():
        if line.startswith("warning: Source file is more recent"):
            continue        # the library was changed without a build
        say("|", re.sub(r"\d{2,}", "N", re.sub("  +", "  ", line.replace("\t\t", "\t"))))
show("info goaudit")
show("goaudit generations guest.so")
show("bt 2")
for v in ("text", "list", "table", "any", "s"):
    show("print " + v)
end
python show("list 34,34")
delete
break marker
continue
python
show("info goaudit")
show("goaudit generations")
gdb.execute("goaudit reread")
say("reread:", listed(), "listed; in", calls())
show("goaudit symbols")
show("info line main.wait")
show("list guest.go:34,34")
end
continue
G
GDB_AUTO=1 expect_output gdb_run commands ./host <<'E'
gdb: | Go runtime: goVERSION libstd.so
gdb: | Guest  Generation  State  From  To  Held by
gdb: | guest.so  1  open  ADDRESS  ADDRESS  1 reference
gdb: | Guest  Generation  State  Load us  Init us  Snapshot
gdb: | guest.so  1  open  N  N  guest.so
gdb: | #0  main.Show [guest.so generation 1, open] (n=1, ~r0=0) at guest.go:N
gdb: | #1  ADDRESS in _cgoexp_Show [guest.so generation 1, open] (a=ADDRESS) at ./_cgo_gotypes.go:N
gdb: | $1 = "generation 1"
gdb: | $2 = []string = {"a", "b"}
gdb: | $3 = map[string]int = {["n"] = 1}
gdb: | $4 = (string) "generation 1"
gdb: | $5 = (*main.name) ADDRESS
gdb: | N	return len(text) + len(list) + table["n"] + len(any.(string)) + len(s.String()) /* here */
gdb: | Go runtime: goVERSION libstd.so
gdb: | Guest  Generation  State  From  To  Held by
gdb: | guest.so  1  retired  ADDRESS  ADDRESS  goroutine N: main.wait (guest.go:N)
gdb: | guest.so  2  open  ADDRESS  ADDRESS  1 reference
gdb: | Guest  Generation  State  Load us  Init us  Snapshot
gdb: | guest.so  1  retired  N  N  guest.so
gdb: | guest.so  2  open  N  N  guest.so
gdb: | Generation 1: held by goroutine N: main.wait (guest.go:N)
gdb: reread: 1 listed; in ['marker', 'main']
gdb: | guest.so: generation 1, retired
gdb: | Line N of "guest.go" starts at address ADDRESS and ends at ADDRESS.
gdb: | Line N of "guest.go" starts at address ADDRESS and ends at ADDRESS.
gdb: | N	return len(text) + len(list) + table["n"] + len(any.(string)) + len(s.String()) /* there */
host: end
[Inferior 1 exited normally]
E
expect_no_snapshots
