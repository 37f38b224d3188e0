#!/bin/bash
# A program may change GOGC and the memory limit at any time, also while a guest is
# being unloaded or moves its variables: nothing hangs, the last value set stays, and
# collections that are asked for meanwhile happen, also where no other would.  Control: a
# proof that keeps collections away by gcsema alone, as stopTheWorldGC does.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

export GODEBUG=clobberfree=1	# gccheckmark stops the world too long for this

go_file guest/main.go <<'GO'
package main

import "C"
import "os"

var build = "build:one"

//export Start
func Start() { os.Setenv("GUEST_NOTE", build) }

func main() {}
GO
go_file tuner/main.go <<'GO'
package main

import "C"

import (
	"encoding/gob"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	stop                       atomic.Bool
	tuners                     sync.WaitGroup
	limits, percents, forced   atomic.Int64
	lostLimits, lostPercents   atomic.Int64
	garbage                    [64][]byte
)

// Sets one limit after the other, and looks whether each is still there.
func limit() {
	const base = 1 << 40
	for i := int64(1); !stop.Load(); i++ {
		debug.SetMemoryLimit(base + i)
		for j := 0; j < 20; j++ {
			runtime.Gosched()
			if debug.SetMemoryLimit(-1) != base+i {
				lostLimits.Add(1)
				break
			}
		}
		limits.Add(1)
	}
}

func percent() {
	last := debug.SetGCPercent(50)
	last = 50
	for i := 0; !stop.Load(); i++ {
		next := [...]int{10, -1, 100, 400}[i%4]
		if debug.SetGCPercent(next) != last {
			lostPercents.Add(1)
		}
		last = next
		percents.Add(1)
		runtime.Gosched()
	}
}

func force() {
	for !stop.Load() {
		runtime.GC()
		forced.Add(1)
	}
}

// Allocates with a lock of gob's in hand, which an unload wants too.
func encode() {
	for i := 0; !stop.Load(); i++ {
		garbage[i%len(garbage)] = make([]byte, 20000)
		if gob.NewEncoder(io.Discard).Encode(struct{ A, B, C, D, E int }{i, 1, 2, 3, 4}) != nil {
			panic("gob")
		}
	}
}

//export Tune
func Tune() {
	for _, f := range []func(){limit, percent, force, encode} {
		tuners.Add(1)
		go func() { f(); tuners.Done() }()
	}
}

// Returns how many settings were lost, or -1 where not all has been done.
//
//export Rest
func Rest() int64 {
	stop.Store(true)
	tuners.Wait()
	if limits.Load() == 0 || percents.Load() == 0 || forced.Load() == 0 {
		return -1
	}
	debug.SetGCPercent(-1)
	runtime.GC()
	return lostLimits.Load() + lostPercents.Load()
}

func main() {}
GO
build_guests guest tuner
variant guest.so two.so build:one build:two
cp guest.so one.so

cc_host host <<'C'
#include "gohost.h"
int main(int argc, char **argv)
{
	int n = atoi(argv[1]);
	void *tuner, *h;

	tuner = open_guest("./tuner.so");
	((void (*)(void))find(tuner, "Tune"))();
	h = open_guest("./guest.so");
	for (int i = 1; i <= n; i++) {
		alarm(argc > 2 ? atoi(argv[2]) : 0);
		((void (*)(void))find(h, "Start"))();
		replace(i % 2 ? "two.so" : "one.so", "guest.so");
		h = dlreload(h);
		CHECK(h != NULL);
		if (i % 4 == 0)
			goaudit_reclaim(NULL, -1);
	}
	printf("lost: %ld\n", ((long (*)(void))find(tuner, "Rest"))());
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	check_gone("guest.so", n);
	return 0;
}
C
expect_output run_audited ./host "${RELOADS:-100}" <<'END'
lost: 0
END

# GO_UNLINK_NO_HOLD_OFF: who allocates wants a collection that waits for the proof, with a
# lock in hand that the proof wants, or is the proof itself.
status=0
{ GOAUDIT_TEST_UNLINK=$((1 << 29)) LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so \
	./host 100 10 >control.txt 2>&1 </dev/null || status=$?; } 2>/dev/null
[ $status = $((128 + 14)) ] || fail "it does not hang without: $status: $(cat control.txt)"
