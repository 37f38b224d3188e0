#!/bin/bash
# Delve in a Go program that opens guests, by its command line and as VS Code uses it:
# goroutines, stacks and variables; a breakpoint that is set before the guest is open, and
# is hit in each of five generations: once it is switched off and on behind a reload, or
# with the command of goaudit.star.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package
need_delve
export AUDIT GODEBUG= TERM=dumb NO_COLOR=1

go_file guest/main.go <<'GO'
package main

import "C"

const build = 1

//go:noinline
func Work(n int) int {
	sum := build * 100
	for i := range n {
		sum += i
	}
	return sum // here
}

func main() {}
GO
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"goaudit/guest"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func put(i int) {
	b, err := os.ReadFile(fmt.Sprint("guest.", i))
	check(err)
	check(os.WriteFile("guest.new", b, 0o755))
	check(os.Rename("guest.new", "guest.so"))
}

//go:noinline
func behind(i int) {
	fmt.Println("generation", i) // reloaded
}

func main() {
	put(1)
	g, err := guest.Open("guest.so")
	check(err)
	work, err := guest.Bind[func(int) int](g, "Work")
	check(err)
	fmt.Println(work.Get()(1))
	for i := 2; i <= 5; i++ {
		put(i)
		check(g.Reload())
		guest.Reclaim(time.Minute)
		behind(i)
		fmt.Println(work.Get()(i))
	}
}
GO
imports_guest_package host
for i in 1 2 3 4 5; do
	sed -i "s/^const build = .*/const build = $i/" src/guest/main.go
	build_guest guest.$i guest -gcflags='-N -l'
done
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -gcflags='-N -l' -o "$TEST_DIR/host" .) ||
	fail "host: does not build"
here=$(sed -n '/here/=' src/guest/main.go) reloaded=$(sed -n '/reloaded/=' src/host/main.go)

expect_output run_audited ./host <<'E'
100
generation 2
201
generation 3
303
generation 4
406
generation 5
510
E

# shellcheck disable=SC2154	# by dlv.sh
follow() { python3 "$ROOT/test/debug/dap.py" "$dlv" "$TEST_DIR/$1" "$TEST_DIR/src/guest/main.go" "$here" \
	"$TEST_DIR/src/host/main.go" "$reloaded"; }
expect_output follow host <<E
before it is open: [False]
guest: line $here, main.Work < main.main, n=1 sum=100 ~r0=0
guest: line $here, main.Work < main.main, n=2 sum=201 ~r0=0
guest: line $here, main.Work < main.main, n=3 sum=303 ~r0=0
guest: line $here, main.Work < main.main, n=4 sum=406 ~r0=0
guest: line $here, main.Work < main.main, n=5 sum=510 ~r0=0
E

# The command line: pending, then hit.
cat >commands <<E
break $TEST_DIR/src/guest/main.go:$here
y
continue
print sum
stack
goroutines
exit
E
LD_AUDIT=$AUDIT "$dlv" exec --allow-non-terminal-interactive=true ./host <commands >cli.txt 2>&1 || :
# shows TEXT: it is in Delve's output, which may be in colours all the same.
shows() { perl -pe 's/\e\[[0-9;]*m//g' cli.txt | grep -F "$1" >shown.txt || fail "no '$1': $(cat cli.txt)"; }
shows "Breakpoint 1 materialized at ./src/guest/main.go:$here (main.Work)"
shows "> [Breakpoint 1] main.Work() ./src/guest/main.go:$here"
shows "(dlv) 100"
shows " in main.main"
shows "* Goroutine 1 - User: ./src/guest/main.go:$here main.Work"

# goaudit.star: the breakpoint is set again in each generation.
{
	printf 'break %s:%s\ny\nsource %s\n' "$TEST_DIR/src/guest/main.go" "$here" "$ROOT/gdb-scripts/goaudit.star"
	for i in 1 2 3 4 5; do printf 'follow\nprint sum\n'; done
	printf 'follow\nexit\n'
} >commands
LD_AUDIT=$AUDIT "$dlv" exec --allow-non-terminal-interactive=true ./host <commands >cli.txt 2>&1 || :
perl -pe 's/\e\[[0-9;]*m//g' cli.txt | grep -x '(dlv) [0-9][0-9]*\|Process [0-9]* has exited with status 0' |
	sed 's/Process [0-9]*/Process/' | uniq >followed.txt
diff - followed.txt <<'E' || fail "follow: $(cat cli.txt)"
(dlv) 100
(dlv) 201
(dlv) 303
(dlv) 406
(dlv) 510
Process has exited with status 0
E

# The control: the same program without the names that Delve looks for.
perl -pe 's/runtime\.allgs\0/runtime.allgx\0/; s/plugin\.Open\0/plugin.Opex\0/' host >without
chmod +x without
printf 'break main.behind\ncontinue\ngoroutines\nexit\n' >commands
LD_AUDIT=$AUDIT "$dlv" exec --allow-non-terminal-interactive=true ./without <commands >cli.txt 2>&1 || :
grep -q 'could not find goroutine array' cli.txt || fail "the control: $(cat cli.txt)"
