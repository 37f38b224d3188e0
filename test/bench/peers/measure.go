package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func resident() (kb int) {
	runtime.GC()
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fmt.Sscan(rest, &kb)
	return
}

// measure prints the median time of a replacement, and what each leaves behind.
func measure(name string, rounds int, replace func(i int)) {
	warm := rounds / 5 // until allocators have what they need
	var took []float64
	before := 0
	for i := range rounds {
		if i == warm {
			before = resident()
		}
		began := time.Now()
		replace(i)
		took = append(took, float64(time.Since(began).Nanoseconds())/1e3)
	}
	slices.Sort(took)
	fmt.Printf("%s.replace %.1f us\n%s.kept %.1f KB\n", name, took[len(took)/2], name,
		float64(resident()-before)/float64(rounds-warm))
}
