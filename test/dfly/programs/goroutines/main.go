// Goroutines, channels, timers, and one goroutine that never yields: without signals the
// collection that waits for it does not end.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func contend() int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for g := 0; g < 200; g++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 50; i++ {
				mu.Lock()
				sum++
				mu.Unlock()
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
	return sum
}

func pass() int {
	first := make(chan int)
	in := first
	for i := 0; i < 100; i++ {
		out := make(chan int)
		go func(in, out chan int) {
			for v := range in {
				out <- v + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	go func() {
		for i := 0; i < 20; i++ {
			first <- 0
		}
		close(first)
	}()
	sum := 0
	for v := range in {
		sum += v
	}
	return sum
}

func main() {
	fmt.Println("contended", contend(), "passed", pass())
	begin := time.Now()
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 5; i++ {
		<-ticker.C
	}
	fmt.Println("ticks", time.Since(begin) >= 9*time.Millisecond)

	runtime.GOMAXPROCS(2)
	var stop, turns atomic.Int64
	go func() {
		for n := int64(0); stop.Load() == 0; n++ {
		}
		turns.Store(1)
	}()
	go func() {
		for {
		}
	}()
	for i := 0; i < 5; i++ {
		runtime.GC()
	}
	stop.Store(1)
	for turns.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("preempted")
}
