#!/bin/bash
# goaudit.lldb: lldb does not stop at the signals by which Go's runtime interrupts itself; the
# control: without it it would.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
command -v lldb >/dev/null || skip "no lldb"

go_file guest/main.go <<'GO'
package main

import "C"

import (
	"runtime"
	"time"
)

var total int

//export Work
func Work() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		done := make(chan int)
		go func() {
			for i := 0; i < 50000000; i++ {
				total += i
			}
			close(done)
		}()
		runtime.GC() // interrupts it
		<-done
	}
}

func main() {}
GO
build_guest guest.so guest
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	((void (*)(void))find(open_guest("./guest.so"), "Work"))();
	return 0;
}
C
follow() { # COMMAND...
	timeout 100 lldb --batch -Q "$@" -o "settings set target.input-path /dev/null" \
		-o "process launch -o $PWD/out.txt -e $PWD/out.txt -E LD_AUDIT=$AUDIT" ./host >lldb.txt 2>&1 || true
}
follow -o "command source $ROOT/gdb-scripts/goaudit.lldb"
grep -q 'exited with status = 0' lldb.txt || fail "$(cat lldb.txt)"
! grep -q 'stop reason = signal' lldb.txt || fail "$(cat lldb.txt)"
handled() { sed -n 's/^SIGURG *\([a-z]*\) *\([a-z]*\) *\([a-z]*\) *$/\1 \2 \3/p' lldb.txt; }
[ "$(handled)" = "true false false" ] || fail "$(cat lldb.txt)"

# The control: what lldb does of itself.
timeout 100 lldb --batch -Q -o "breakpoint set -n main" -o "process launch -o $PWD/out.txt -E LD_AUDIT=$AUDIT" \
	-o "process handle SIGURG" -o kill ./host >lldb.txt 2>&1 || true
[ "$(handled)" = "true true true" ] || fail "the control: $(cat lldb.txt)"
