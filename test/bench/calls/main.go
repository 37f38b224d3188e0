// What a system call takes: getpid, and a read of 64 bytes; the least of five rounds.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

const round = 100 * time.Millisecond

func measure(call func()) float64 {
	best := 0.0
	for r := 0; r < 5; r++ {
		n := 0
		begin := time.Now()
		for time.Since(begin) < round {
			for i := 0; i < 100; i++ {
				call()
			}
			n += 100
		}
		ns := float64(time.Since(begin).Nanoseconds()) / float64(n)
		if best == 0 || ns < best {
			best = ns
		}
	}
	return best
}

func main() {
	fd, err := syscall.Open("/dev/zero", syscall.O_RDONLY, 0)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	b := make([]byte, 64)
	fmt.Printf("getpid %.0f ns\n", measure(func() { syscall.Getpid() }))
	fmt.Printf("read %.0f ns\n", measure(func() { syscall.Read(fd, b) }))
}
