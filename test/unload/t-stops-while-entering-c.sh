#!/bin/bash
# The world stops while another thread goes into C and stays there until it has: at once,
# although the thread did not know of the stop, nor the stop of it (Go since 1.26 waits for
# up to a minute then: audit/go/overlay/runtime/_port/goaudit_stop_go126.go).  Control: who
# stops the world looks once.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

case $(go env GOVERSION) in
go1.2[2-5]*) skip "before 1.26 the thread is seen" ;;
esac

go_file guest/main.go <<'GO'
package main

/*
#include <sched.h>
static volatile unsigned stopped;
static void stay(unsigned round)
{
	while (stopped < round)
		sched_yield();
}
static void stopped_now(unsigned round) { stopped = round; }
*/
import "C"

import (
	"runtime"
	"sync/atomic"
)

var (
	turn  atomic.Uint32
	back  = make(chan bool)
	stats runtime.MemStats
	begun bool
	round uint32
	spun  int
)

func enter() {
	for i := uint32(1); ; i++ {
		for turn.Load() < i {
			runtime.Gosched()
		}
		C.stay(C.uint(i))
		back <- true
	}
}

//export Rounds
func Rounds(n int) {
	if !begun {
		begun = true
		go enter()
	}
	for range n {
		round++
		turn.Store(round)
		for i := uint32(0); i < round%256; i++ {
			spun++
		}
		runtime.ReadMemStats(&stats)
		C.stopped_now(C.uint(round))
		<-back
	}
}

func main() {}
GO
build_guests guest

cc_host host <<'C'
#include "gohost.h"
#include <stdbool.h>
/* host ROUNDS SECONDS [once]: ends by a signal if a hundred rounds take longer */
int main(int argc, char **argv)
{
	void *guest = open_guest("./guest.so");
	void (*rounds)(long) = (void (*)(long))find(guest, "Rounds");
	bool *once = dlsym(RTLD_DEFAULT, "runtime.goauditLookOnce");

	CHECK(once);
	*once = argc > 3;
	for (int i = 0; i < atoi(argv[1]); i += 100) {
		alarm(atoi(argv[2]));
		rounds(100);
	}
	alarm(0);
	puts("ok");
	return 0;
}
C
# Most of a minute: what is seen by nobody else lasts as long.
expect_output run_audited ./host 10000 50 <<<ok

[ "$(nproc)" -ge 2 ] || skip "it passes, but what the control waits for wants two processors"
# It comes within seconds where both run at once, which a neighbour may prevent for long.
status=0
{ run_audited ./host 2000000 5 once >control.txt 2>&1 </dev/null || status=$?; } 2>/dev/null
[ $status = $((128 + 14)) ] || fail "no stop waits without: $status: $(cat control.txt)"
