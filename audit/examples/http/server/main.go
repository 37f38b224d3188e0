// The server for a C host: a guest that stays.  It has the listener, the connections
// and their goroutines, and knows the handlers by one C function address, which leads
// to the current generation of their guest.
package main

/*
#include <stdint.h>

static void serve(void *f, uintptr_t request) { ((void (*)(uintptr_t))f)(request); }
*/
import "C"

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/cgo"
	"time"
	"unsafe"
)

var server http.Server

// Start takes the listening socket fd over and serves it by calls of
// f(uintptr_t request).  It returns 0, or -1.
//
//export Start
func Start(fd C.int, f unsafe.Pointer) C.int {
	file := os.NewFile(uintptr(fd), "listener")
	l, err := net.FileListener(file) // a copy of it
	file.Close()
	if err != nil {
		log.Print(err)
		return -1
	}
	server.ReadHeaderTimeout = time.Minute
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := cgo.NewHandle([]any{w, r})
		defer h.Delete()
		C.serve(f, C.uintptr_t(h))
	})
	go server.Serve(l)
	return 0
}

// Stop waits for the requests under way.
//
//export Stop
func Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.Shutdown(ctx)
}

func main() {}
