// plugins FILE...: opens them one after the other by package plugin, and prints the median
// time to the first answer of each but the first, in microseconds.
package main

import (
	"fmt"
	"log"
	"os"
	"plugin"
	"slices"
	"time"
)

func main() {
	var took []time.Duration
	for i, file := range os.Args[1:] {
		began := time.Now()
		p, err := plugin.Open(file)
		if err != nil {
			log.Fatal(err)
		}
		add, err := p.Lookup("Add")
		if err != nil || add.(func(int64, int64) int64)(1, 2) != 3 {
			log.Fatal(file, err)
		}
		if i > 0 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	fmt.Printf("plugin %.2f us\n", float64(took[len(took)/2].Nanoseconds())/1e3)
}
