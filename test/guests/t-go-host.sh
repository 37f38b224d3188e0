#!/bin/bash
# A Go program that is linked with the shared runtime opens, reloads and closes
# guests like a C host, over its own runtime: one heap, one scheduler.  A Go
# program that carries its runtime is refused guests, with the reason.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file guest/main.go <<'GO'
package main

import "C"

import (
	"encoding/json"
	"fmt"
	"os"
)

const generation = "generation 1"

type item struct{ Generation string }

var done = make(chan bool)

//export Test
func Test() *C.char {
	b, _ := json.Marshal(item{generation})
	go func() { done <- true }()
	<-done
	return C.CString(fmt.Sprint(string(b), " ", os.Args[1:], " ", os.Getenv("SET_BY_HOST")))
}

func main() {}
GO
go_file host/main.go <<'GO'
package main

// #include <dlfcn.h>
// #include <stdint.h>
// #include <stdlib.h>
// #include "goaudit.h"
// static void *open_guest(const char *name) { return dlopen(name, RTLD_NOW | RTLD_RELOADABLE); }
// static char *call_test(void *h) { return ((char *(*)(void))dlsym(h, "Test"))(); }
// static void *reload(void *h) { return dlreload ? dlreload(h) : NULL; }
// static int modules(void)
// {
//	struct goaudit_runtime rt;
//	return goaudit_runtime_stats(&rt, sizeof rt, 2) == 0 ? (int)rt.modules : -1;
// }
// static int reclaim(void) { return goaudit_reclaim(NULL, 10000); }
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

type item struct{ Host string }

func open() unsafe.Pointer {
	name := C.CString("./guest.so")
	defer C.free(unsafe.Pointer(name))
	runtime.LockOSThread() // dlerror is the thread's
	defer runtime.UnlockOSThread()
	h := C.open_guest(name)
	if h == nil {
		text := C.GoString(C.dlerror())
		if i := strings.Index(text, "./host"); i >= 0 {
			text = text[i:]
		}
		fmt.Println(text)
		os.Exit(1)
	}
	return h
}

func test(h unsafe.Pointer) string {
	s := C.call_test(h)
	defer C.free(unsafe.Pointer(s))
	return C.GoString(s)
}

func put(n int) {
	b, err := os.ReadFile(fmt.Sprint("guest.", n))
	err = errors.Join(err, os.WriteFile("guest.new", b, 0o755), os.Rename("guest.new", "guest.so"))
	if err != nil {
		panic(err)
	}
}

func main() {
	os.Setenv("SET_BY_HOST", "set")
	var wg sync.WaitGroup
	stop := make(chan bool)
	for i := 0; i < 3; i++ { // the host has work of its own
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					json.Marshal(map[string][]item{"k": {{"v"}}})
					time.Sleep(100 * time.Microsecond)
				}
			}
		}()
	}
	put(1)
	h := open()
	fmt.Println(test(h))
	C.dlclose(h)
	put(2)
	h = open()
	fmt.Println(test(h))
	put(1)
	h = C.reload(h)
	fmt.Println(h != nil, test(h))
	for i := 0; i < 300; i++ {
		put(1 + i%2)
		C.dlclose(h)
		h = open()
		if s := test(h); !strings.Contains(s, fmt.Sprint("generation ", 1+i%2)) {
			fmt.Println("wrong:", s)
		}
	}
	for C.reclaim() > 0 {
	}
	for i := 0; i < 20; i++ {
		runtime.GC()
	}
	fmt.Println(test(h), C.modules())
	close(stop)
	wg.Wait()
	C.dlclose(h)
	put(1)
	fmt.Println(test(open()))
}
GO
build_guest guest.1 guest
variant guest.1 guest.2 "generation 1" "generation 2"
runtime=$("$GOAUDIT_BUILD/goaudit" runtime --print)
export C_INCLUDE_PATH=$ROOT/include
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "host: does not build"
ldd host >libraries.txt
grep -qF "$runtime" libraries.txt || fail "host is not linked with $runtime"
expect_output run_audited ./host one two <<'E'
{"Generation":"generation 1"} [one two] set
{"Generation":"generation 2"} [one two] set
true {"Generation":"generation 1"} [one two] set
{"Generation":"generation 2"} [one two] set 3
{"Generation":"generation 1"} [one two] set
E
# A Go program ends without exit(3); what it leaves is removed by the next one.
run_audited ./host one two >/dev/null
[ "$(find "$GOAUDIT_SNAPSHOTS" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] || fail "$(find "$GOAUDIT_SNAPSHOTS")"

mv host linked
(cd src/host && go build -o ../../host .) 2>own.log || fail "$(cat own.log)"
text=$(run_audited ./host 2>&1) && fail "a host with its own runtime got a guest: $text"
[ "$text" = './host: the program carries a Go runtime of its own, and there can be only one: build it by goaudit build -exe' ] ||
	fail "$text"
