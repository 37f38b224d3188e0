#!/bin/bash
# A parked guest that is opened again unchanged is the very same: its package
# variables, its goroutines, which have gone on meanwhile, its timers; its inits
# do not run again.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file state/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

var (
	calls   int
	memory  = map[string]*[]byte{}
	started = fmt.Sprintf("%p", &calls)
	mu      sync.Mutex
	sum     int
	fired   = make(chan string, 1)
)

func init() { fmt.Println("init") }

// Adds what it reads from the pipe, and acknowledges it.
func adder(r, w *os.File) {
	b := make([]byte, 1)
	for {
		if n, _ := r.Read(b); n == 0 {
			return
		}
		mu.Lock()
		sum += int(b[0])
		mu.Unlock()
		w.Write([]byte("k"))
	}
}

//export Start
func Start(in, out C.int) {
	go adder(os.NewFile(uintptr(in), "in"), os.NewFile(uintptr(out), "out"))
	time.AfterFunc(10*time.Millisecond, func() { fired <- "fired" })
}

//export Test
func Test() *C.char {
	calls++
	b := make([]byte, 10000)
	memory[fmt.Sprint(calls)] = &b
	runtime.GC()
	mu.Lock()
	defer mu.Unlock()
	return C.CString(fmt.Sprint(calls, " ", len(memory), " ", sum, " ", started == fmt.Sprintf("%p", &calls)))
}

//export Fired
func Fired() *C.char { return C.CString(<-fired) }

func main() {}
GO
build_guest state.so state
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	int in[2], out[2];
	unsigned char n;
	void *h, *f, *other;

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	h = open_guest("./state.so");
	f = find(h, "Test");
	((void (*)(int, int))find(h, "Start"))(in[0], out[1]);
	print_text(h, "Test");
	for (n = 1; n <= 100; n++) {
		close_guest(h);
		CHECK(generation_of(h).state == GOAUDIT_PARKED);
		CHECK(maps_between((uintptr_t)f, (uintptr_t)f + 1) == 1);
		/* The goroutine runs while its guest is parked. */
		CHECK(write(in[1], &n, 1) == 1 && read(out[0], &(char){ 0 }, 1) == 1);
		if (n == 50) {
			runtime_now(5);
			CHECK(goaudit_reclaim(NULL, 1000) == 0);
		}
		other = open_guest("./state.so");
		CHECK(other == h && find(h, "Test") == f);
	}
	print_text(h, "Test");
	print_text(h, "Fired");
	/* Touched, but the same bytes: the same object still. */
	close_guest(h);
	replace("state.so", "copy.so");
	CHECK(rename("copy.so", "state.so") == 0);
	CHECK(open_guest("./state.so") == h);
	print_text(h, "Test");
	printf("generation %u\n", generation_of(h).number);
	return 0;
}
C
expect_output run_audited ./host <<'E'
init
1 1 0 true
2 2 5050 true
fired
3 3 5050 true
generation 1
E
expect_no_snapshots
