#!/bin/bash
# A profile names functions of generations that are gone as their own, with the
# generation, also where other builds have since had their addresses: heap, block,
# mutex, CPU, execution trace; runtime.CallersFrames and FuncForPC.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file one/main.go <<'GO'
package main

import "C"

import (
	"runtime"
	"sync"
	"syscall"
)

//go:noinline
func Place() uintptr { pc, _, _, _ := runtime.Caller(0); return pc }

func inlinedInA() []byte { return make([]byte, 1<<16) }

//go:noinline
func AllocInA() []byte { return inlinedInA() }

//go:noinline
func BlockInA() {
	c := make(chan int)
	go func() { c <- 1 }()
	<-c
}

//go:noinline
func MutexInA() {
	var m sync.Mutex
	var all sync.WaitGroup
	m.Lock()
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() { m.Lock(); m.Unlock(); all.Done() }()
	}
	for i := 0; i < 100; i++ {
		runtime.Gosched() // to the lock
	}
	m.Unlock()
	all.Wait()
}

func threadTime() int64 {
	var u syscall.Rusage
	syscall.Getrusage(1, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

//go:noinline
func SpinInA() (n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for end := threadTime() + 200e6; threadTime() < end; {
		for i := 0; i < 100000; i++ {
			n += i * i
		}
	}
	return n
}

func Alloc() []byte { return AllocInA() }
func Block()        { BlockInA(); MutexInA() }
func Spin()         { SpinInA() }

func main() {}
GO
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"time"

	"goaudit/guest"
)

var kept [][]byte

func check(err error) {
	if err != nil {
		panic(err)
	}
}

//go:noinline
func call[T any](g *guest.Guest, name string) T {
	f, err := guest.Bind[func() T](g, name)
	check(err)
	return f.Get()()
}

//go:noinline
func run(g *guest.Guest, name string) {
	f, err := guest.Bind[func()](g, name)
	check(err)
	f.Get()()
}

// gone waits until all generations but the current one are gone.
func gone() {
	for guest.Reclaim(time.Minute) != 0 {
		runtime.Gosched()
	}
}

// each calls fn for five generations more; wait: each of them is gone before the next.
func each(g *guest.Guest, wait bool, fn func(i int)) {
	for i, v := range "ABCDE" {
		put("guest." + string(v))
		check(g.Reload())
		if wait {
			gone()
		}
		fn(i)
	}
	put("guest.0")
	check(g.Reload())
	if wait {
		gone()
	}
}

// frames are those of the guest, as runtime.CallersFrames names them.
func frames(stk []uintptr) (out []string) {
	fs := runtime.CallersFrames(stk)
	for {
		f, more := fs.Next()
		if strings.HasPrefix(f.Function, "main.") && filepath.Base(filepath.Dir(f.File)) == "one" {
			out = append(out, fmt.Sprintf("%s %s:%d", f.Function, filepath.Base(f.File), f.Line))
		}
		if !more {
			return out
		}
	}
}

func heap() (out []string) {
	runtime.GC()
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 100000)
	n, ok := runtime.MemProfile(records, true)
	if !ok {
		panic("too many records")
	}
	for _, r := range records[:n] {
		if r.AllocBytes != r.AllocObjects<<16 {
			continue
		}
		if fs := frames(r.Stack()); fs != nil {
			at := slices.IndexFunc(r.Stack(), func(pc uintptr) bool { return len(frames([]uintptr{pc})) != 0 })
			out = append(out, fmt.Sprint(r.AllocObjects, " of ", strings.Join(fs, ", "), "; ",
				runtime.FuncForPC(r.Stack()[at]-1).Name()))
		}
	}
	slices.Sort(out)
	return out
}

func write(name string) {
	f, err := os.Create(name + ".pprof")
	check(err)
	check(pprof.Lookup(name).WriteTo(f, 0))
	check(f.Close())
}

func main() {
	runtime.MemProfileRate = 1
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	put("guest.0")
	g, err := guest.Open("guest.so")
	check(err)

	places := map[uintptr]bool{}
	each(g, true, func(i int) {
		places[call[uintptr](g, "Place")] = true
		for j := 0; j <= i; j++ {
			kept = append(kept, call[[]byte](g, "Alloc"))
		}
		run(g, "Block")
	})
	fmt.Println("addresses used again:", len(places) < 5)
	for _, l := range heap() {
		fmt.Println(l)
	}
	for _, name := range []string{"heap", "block", "mutex"} {
		write(name)
	}

	f, err := os.Create("trace.out")
	check(err)
	check(trace.Start(f))
	each(g, false, func(int) { run(g, "Block") })
	trace.Stop()
	f.Close()
	gone()

	f, err = os.Create("cpu.pprof")
	check(err)
	check(pprof.StartCPUProfile(f))
	each(g, false, func(int) { run(g, "Spin") })
	if guest.Reclaim(10*time.Millisecond) == 0 {
		fmt.Println("not held by the profile")
	}
	pprof.StopCPUProfile()
	f.Close()
	gone()
	runtime.KeepAlive(kept)
}
GO
imports_guest_package host
cp "$HOSTS/put.go" src/host/
build_guest guest.A one
for v in 0 B C D E; do variant guest.A guest.$v InA "In$v"; done
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "host: does not build"
inlined=$(sed -n '/^func inlinedInA/=' src/one/main.go)
calls=$(sed -n '/^func AllocInA/=' src/one/main.go)
export=$(sed -n '/^func Alloc()/=' src/one/main.go)

# 1 of main.inlinedInA (generation 2) main.go:14, ...: what the host is to print.
{
	echo "addresses used again: true"
	n=0
	for v in A B C D E; do
		n=$((n + 1)) g="(generation $((n + 1)))"
		echo "$n of main.inlinedIn$v $g main.go:$inlined, main.AllocIn$v $g main.go:$calls," \
			"main.Alloc $g main.go:$export; main.inlinedIn$v $g"
	done
} >want.txt
# With a limit the addresses are not kept vacant (loader/vacant.h), and used again.
limited() { (ulimit -v 100000000 && run_audited ./host); }
expect_output limited <want.txt

for f in *.pprof; do gzip -dc "$f" >"$f.raw"; done
# names FILE FUNCTION FIRST: FUNCTIONInA to E are in it, of this generation and the next
# ones, or what they have started: whoever comes first to a channel waits.
names() {
	local n=$3 v
	for v in A B C D E; do
		grep -qaE "main\\.$2In$v(\\.func1)? \\(generation $n\\)" "$1.raw" ||
			fail "$1: no main.$2In$v (generation $n)"
		n=$((n + 1))
	done
}
names heap.pprof Alloc 2
names block.pprof Block 2
names mutex.pprof Mutex 2
# What was recorded while the guests were held has their names as they are.
for v in A B C D E; do
	grep -qaF "main.SpinIn$v" cpu.pprof.raw || fail "cpu.pprof: no main.SpinIn$v"
	grep -qaF "main.BlockIn$v" trace.out || fail "trace.out: no main.BlockIn$v"
done
go tool pprof -top -unit=ms cpu.pprof >top.txt 2>&1 || fail "pprof: $(cat top.txt)"
for v in A B C D E; do
	grep -q "main.SpinIn$v$" top.txt || fail "pprof -top: $(cat top.txt)"
done
! grep -q '<unknown>' top.txt || fail "pprof -top: $(cat top.txt)"

# The control: without ghosts, names of other builds or none.
GOAUDIT_TEST_UNLINK=$((1 << 27)) LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so ./host >without.txt 2>&1 ||
	fail "without ghosts: $(cat without.txt)"
! grep -q '(generation' without.txt || fail "without ghosts: $(cat without.txt)"
! diff -q want.txt without.txt >/dev/null || fail "the control has the names"
