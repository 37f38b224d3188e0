// A guest with a live heap of a given size, and goroutines that change it.
package main

import "C"

import (
	"fmt"
	"sync/atomic"
	"time"
)

type node struct {
	l, r *node
	k    [3]int
	s    string
	i    any
}

var (
	trees   []*node
	maps    []map[string]*node
	blocks  [][]byte
	tables  [][]*node
	writing atomic.Bool
	worst   atomic.Int64
)

func tree(n int) *node {
	if n == 0 {
		return nil
	}
	return &node{l: tree(n - 1), r: tree(n - 1), s: "x", i: n}
}

// Fill makes mb megabytes: half of it trees, then maps, bytes and tables.
//
//export Fill
func Fill(mb int) {
	for i := 0; i < mb*1024*1024/2/(4095*80); i++ {
		trees = append(trees, tree(12))
	}
	for i := 0; i < mb*2; i++ {
		m := map[string]*node{}
		for j := 0; j < 800; j++ {
			m[fmt.Sprintf("key-%d-%d", i, j)] = trees[i%len(trees)]
		}
		maps = append(maps, m)
	}
	for i := 0; i < mb*1024/20; i++ {
		blocks = append(blocks, make([]byte, 4096))
	}
	for i := 0; i < mb*1024/80; i++ {
		p := make([]*node, 1024)
		for j := range p {
			p[j] = trees[(i+j)%len(trees)]
		}
		tables = append(tables, p)
	}
}

// Write changes the heap at about so many pages a millisecond until Calm; it
// notes the longest time that it was kept from it.
//
//export Write
func Write(pages int) {
	writing.Store(true)
	worst.Store(0)
	go func() {
		last, x := time.Now(), uint64(1)
		for writing.Load() {
			for i := 0; i < pages; i++ {
				x = x*6364136223846793005 + 1442695040888963407
				t := tables[x>>33%uint64(len(tables))]
				t[x>>20%1024] = trees[x>>10%uint64(len(trees))]
			}
			now := time.Now()
			if d := int64(now.Sub(last)); d > worst.Load() {
				worst.Store(d)
			}
			last = now
			if pages < 1000 {
				time.Sleep(time.Millisecond)
				last = last.Add(time.Since(last))
			}
		}
	}()
}

//export Calm
func Calm() int64 {
	writing.Store(false)
	time.Sleep(5 * time.Millisecond)
	return worst.Load()
}

func main() {}
