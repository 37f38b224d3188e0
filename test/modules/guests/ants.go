// require github.com/panjf2000/ants/v2 v2.12.1
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/ants/v2"
)

func test() string {
	var n atomic.Int64
	var wg sync.WaitGroup
	p := must(ants.NewPool(4))
	for range 100 {
		wg.Add(1)
		check(p.Submit(func() { n.Add(1); wg.Done() }))
	}
	wg.Wait()
	check(p.ReleaseTimeout(10 * time.Second))
	ants.Release()
	return fmt.Sprint(n.Load())
}
