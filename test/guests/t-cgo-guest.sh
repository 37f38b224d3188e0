#!/bin/bash
# A guest with C code of its own: static C state, a callback
# from C into Go, the host's function called from the guest, thread-local C data.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file cgo/part.c <<'C'
#include "part.h"
#include "_cgo_export.h"

static int counter = 40;
static __thread int local = 7;
int next(void) { return ++counter; }
int next_local(void) { return ++local; }
int through_c(int n) { return n == 0 ? 0 : 1 + fromC(n); }
int with_callback(callback *f, int n) { return f(n); }
C
go_file cgo/part.h <<'C'
#pragma once
typedef int callback(int);
int next(void);
int next_local(void);
int through_c(int n);
int with_callback(callback *f, int n);
int host_function(int n) __attribute__((weak));
static inline int call_host(int n) { return host_function ? host_function(n) : -1; }
C
go_file cgo/main.go <<'GO'
package main

// #include <stdlib.h>
// #include <string.h>
// #include <errno.h>
// #include "part.h"
//
// int square(int);
// static int square_by_pointer(int n) { return with_callback(square, n); }
// static int fails(void) { errno = ENOENT; return -1; }
// struct pair { int a; double b; };
// static struct pair make(int a) { struct pair p = { a, a / 2.0 }; return p; }
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

const generation = "generation 1"

//export fromC
func fromC(n C.int) C.int { return C.through_c(n - 1) }

//export square
func square(n C.int) C.int { runtime.GC(); return n * n }

//export Test
func Test() *C.char {
	text := C.CString("text")
	defer C.free(unsafe.Pointer(text))
	_, err := C.fails()
	p := C.make(3)
	var locals [2]C.int
	var wg sync.WaitGroup
	for i := range locals {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			C.next_local()
			locals[i] = C.next_local() - C.next_local()
		}()
	}
	wg.Wait()
	return C.CString(fmt.Sprint(generation, " ", C.next(), C.next(), " ", C.strlen(text), " ",
		C.through_c(20), " ", C.square_by_pointer(9), " ", err, p, locals, " host ", C.call_host(5)))
}

func main() {}
GO
build_guest cgo.so cgo
mv cgo.so cgo.1
variant cgo.1 cgo.2 "generation 1" "generation 2"
(cat "$HOSTS/cycle.c"; echo 'int host_function(int n) { return 100 + n; }') |
	cc_host cycle -rdynamic
expect_output run_audited ./cycle cgo <<'E'
generation 1 41 42 4 20 81 no such file or directory {3 1.5} [-1 -1] host 105
generation 2 41 42 4 20 81 no such file or directory {3 1.5} [-1 -1] host 105
generation 2 43 44 4 20 81 no such file or directory {3 1.5} [-1 -1] host 105
generation 1 41 42 4 20 81 no such file or directory {3 1.5} [-1 -1] host 105
generation 1 43 44 4 20 81 no such file or directory {3 1.5} [-1 -1] host 105
guests in the runtime: 1
E
