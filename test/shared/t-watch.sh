#!/bin/bash
# goaudit watch restarts a host where a package has been changed that it shares with its
# guest, and says why; --program builds the host anew for it, and when its own sources change.
# What a Go host has bound follows each reload.  status lists the packages.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package
. "$ROOT/test/shared/shared.sh"
export GOAUDIT_SHARE=deps

needs guest lib
go_file guest/main.go <<'GO'
package main

import (
	"fmt"

	"example.com/lib"
)

const generation = "generation 1"

type name struct{}

func (name) Name() string { return generation }

func Test() string { return fmt.Sprint(lib.Describe(name{}), ", ", lib.Count) }

func main() {}
GO
needs host lib
imports_guest_package host
# Each line that comes in by the pipe reloads the guest and shows what it says.
go_file host/main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"example.com/lib"
	"goaudit/guest"
)

func main() {
	lib.Count = 100
	g, err := guest.Open("./guest.so")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	test, _ := guest.Bind[func() string](g, "Test")
	fmt.Println("began:", os.Getpid(), test.Get()())
	pipe, _ := os.OpenFile("pipe", os.O_RDWR, 0)
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if lines.Text() == "end" {
			os.Exit(7)
		}
		if lines.Text() == "look" {
			fmt.Println("looks:", test.Get()())
			continue
		}
		err := g.Reload()
		fmt.Println("now:", test.Get()(), err)
	}
}
GO
mkfifo pipe
"$GOAUDIT_BUILD/goaudit" watch -o guest.so -p src/host src/guest ./host >out.txt 2>err.txt &
watch=$!
exec 9<>pipe

# wait_for FILE TEXT: a line with this text comes
wait_for() {
	for _ in {1..6000}; do
		! grep -qF -- "$2" "$1" 2>/dev/null || return 0
		kill -0 $watch 2>/dev/null || break
		sleep 0.1
	done
	cat out.txt err.txt
	fail "no line: $2"
}
wait_for out.txt "generation 1 of 1, 100"
first=$(sed -n 's/began: \([0-9]*\).*/\1/p' out.txt)
"$GOAUDIT_BUILD/goaudit" status "$first" >status.txt
library=$(libraries_of guest.so)
grep -qxF "  packages $PACKAGES/$library:" status.txt && grep -qxF '    example.com/lib (devel)' status.txt &&
	grep -qxF '    example.com/lib/reg (devel)' status.txt || { cat status.txt; fail "status"; }
"$GOAUDIT_BUILD/goaudit" status --json "$first" | python3 -c '
import json, sys
libs = json.load(sys.stdin)[0]["libraries"]
assert [[p["path"], p["version"], len(p["build"])] for p in libs[0]["packages"]] == \
	[["example.com/lib", "(devel)", 32], ["example.com/lib/reg", "(devel)", 32]], libs
' || fail "status --json"

# The guest alone: a reload.
sed -i 's/generation 1/generation 2/' src/guest/main.go
wait_for err.txt "guest.so: generation 2 runs"
echo look >&9	# what is bound has followed, though nobody here has called Reload
wait_for out.txt "looks: generation 2 of 1, 100"
echo >&9
wait_for out.txt "now: generation 2 of 1, 100 <nil>"
! grep -q restarted err.txt || fail "restarted for nothing"

# The shared package: another process.
sed -i 's/" of "/" out of "/' src/lib/lib.go
wait_for err.txt "./host: restarted"
wait_for out.txt "generation 2 out of 1, 100"
grep -qE 'guest.so: package example.com/lib \(devel\) has been changed: the program has build [0-9a-f]{8}, and this guest was built with [0-9a-f]{8}' err.txt ||
	{ cat err.txt; fail "it does not say why"; }
[ "$(grep -c began: out.txt)" = 2 ] && [ "$(sed -n 's/began: \([0-9]*\).*/\1/p' out.txt | tail -n 1)" != "$first" ] ||
	{ cat out.txt; fail "not another process"; }
# The host's own sources.
sed -i 's/lib.Count = 100/lib.Count = 200/' src/host/main.go
wait_for out.txt "generation 2 out of 1, 200"
grep -qxF "goaudit: the program's sources have changed" err.txt || { cat err.txt; fail "it does not say why"; }
echo end >&9
status=0
wait $watch || status=$?
[ $status = 7 ] || fail "the host's status: $status"
