// Collections while the heap changes, stacks that grow, floats across preemption, and
// faults that are recovered.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"
)

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func deep(n int) int {
	var room [256]byte
	room[n%256] = 1
	if n == 0 {
		return 0
	}
	return deep(n-1) + int(room[n%256])
}

func recovered(f func()) (text any) {
	defer func() { text = recover() }()
	f()
	return nil
}

func main() {
	debug.SetGCPercent(20)
	var wg sync.WaitGroup
	sums := make([]int, 4)
	waves := make([]float64, 4)
	for g := range sums {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			for i := 0; i < 10; i++ {
				sums[g] += grow(12).count()
				for k := 0; k < 20000; k++ {
					waves[g] += math.Sqrt(float64(k)) * math.Sin(float64(k))
				}
			}
		}(g)
	}
	done := make(chan bool)
	go func() { wg.Wait(); close(done) }()
	for busy := true; busy; {
		runtime.GC() // and those that the percentage asks for
		select {
		case <-done:
			busy = false
		default:
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	same := waves[0] == waves[1] && waves[1] == waves[2] && waves[2] == waves[3]
	fmt.Println("trees", sums, "collected", stats.NumGC > 0, "floats", same, "deep", deep(20000))

	var nothing *tree
	zero := len(os.Args) - 1
	fmt.Println(recovered(func() { fmt.Println(nothing.left) }))
	fmt.Println(recovered(func() { fmt.Println(1 / zero) }))
	debug.SetPanicOnFault(true)
	far := uintptr(0x123456789000)
	e := recovered(func() { *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&far)))++ })
	fmt.Printf("%#x\n", e.(interface{ Addr() uintptr }).Addr())
}
