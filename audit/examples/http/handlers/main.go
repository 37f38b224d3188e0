// The handlers: the guest that is changed, built and reloaded while the server runs.
package main

// #include <stdint.h>
import "C"

import (
	"fmt"
	"log"
	"net/http"
	"runtime/cgo"
	"sync/atomic"
	"time"
)

const generation = "generation 00"

var (
	mux    = http.NewServeMux()
	served atomic.Int64
)

func init() {
	mux.HandleFunc("GET /hello/{name}", hello)
	mux.HandleFunc("GET /slow", slow)
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Generation", generation)
	fmt.Fprintf(w, "hello %s from %s, request %d\n", r.PathValue("name"), generation, served.Add(1))
}

// A request that is under way at a reload ends in the code in which it began.
func slow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Generation", generation)
	time.Sleep(20 * time.Millisecond)
	fmt.Fprintf(w, "hello slow from %s, request %d\n", generation, served.Add(1))
}

// Serve is what a Go host binds.
func Serve(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }

// ServeHandle is what a C host hands to the server: the same, for a request that
// comes through C as a handle of a []any.  A panic must not cross C.
//
//export ServeHandle
func ServeHandle(h C.uintptr_t) {
	request := cgo.Handle(h).Value().([]any)
	w, r := request[0].(http.ResponseWriter), request[1].(*http.Request)
	defer func() {
		if p := recover(); p != nil {
			log.Printf("%s %s: panic: %v", r.Method, r.URL.Path, p)
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}()
	Serve(w, r)
}

func main() {}
