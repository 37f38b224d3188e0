// The keeper keeps what other guests have made.
package main

import "C"

import (
	"context"
	"errors"
	"expvar"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
	"unsafe"
	"weak"
)

var (
	anys  []any
	funcs []func() int
	chans []chan struct{ A, B int32 }
	ptrs  []unsafe.Pointer
	strs  []string
	index = map[string]int{}
	wk    weak.Pointer[[]byte]
	pool  sync.Pool
	obj   *[]byte
)

//export KeepAny
func KeepAny(p *any) { anys = append(anys, *p) }

//export KeepFunc
func KeepFunc(p *func() int) { funcs = append(funcs, *p) }

//export KeepChan
func KeepChan(p *chan struct{ A, B int32 }) { chans = append(chans, *p) }

//export KeepPtr
func KeepPtr(p unsafe.Pointer) { ptrs = append(ptrs, p) }

//export KeepString
func KeepString(p *string) { strs = append(strs, *p); index[*p] = len(*p) }

//export KeepWeak
func KeepWeak(p unsafe.Pointer) { wk = *(*weak.Pointer[[]byte])(p) }

//export KeepPool
func KeepPool(p *any) { pool.Put(*p) }

//export NewObject
func NewObject() *[]byte { obj = &[]byte{1}; return obj }

// Use touches all that is kept.
//
//export Use
func Use() int {
	n := 0
	for _, a := range anys {
		n += len(fmt.Sprintf("%v", a))
		if err, ok := a.(error); ok {
			n += len(fmt.Sprint(errors.Unwrap(err)))
		}
	}
	for _, f := range funcs {
		n += f()
	}
	for _, c := range chans {
		c <- struct{ A, B int32 }{1, 2}
		v := <-c
		n += int(v.A)
	}
	for _, p := range ptrs {
		n += int(*(*uintptr)(p) & 1)
	}
	for _, s := range strs {
		n += len(strings.ToUpper(s))
		if index[strings.Clone(s)] != len(s) || !strings.Contains(s, "const") && !strings.Contains(s, "long co") {
			panic("a string has changed: " + s)
		}
	}
	if p := wk.Value(); p != nil {
		n += len(*p)
	}
	return n
}

// Touch uses what std keeps, and what Use does not reach, as a program would.
//
//export Touch
func Touch() {
	for _, path := range []string{"/guest", "/func"} {
		http.DefaultServeMux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	expvar.Do(func(v expvar.KeyValue) { _ = v.Value.String() })
	log.Print("touched")
	io.WriteString(flag.CommandLine.Output(), "touched\n")
	for _, a := range anys {
		switch v := a.(type) {
		case func() int:
			v()
		case *sync.Map:
			v.Range(func(k, _ any) bool { return fmt.Sprint(k) != "" })
		case io.Writer:
			func() {
				defer func() { recover() }() // it may be a nil pointer
				v.Write([]byte("touched"))
			}()
		case []any: // a context and what cancels it
			v[1].(context.CancelFunc)()
		}
	}
}

// Fire makes a timer run out whose address, inverted, this is.
//
//export Fire
func Fire(timer uintptr) { (*time.Timer)(unsafe.Pointer(^timer)).Reset(0) }

//export WeakIsNil
func WeakIsNil() bool { return wk.Value() == nil }

//export Drop
func Drop() {
	clear(anys)
	clear(funcs)
	clear(chans)
	clear(ptrs)
	clear(strs)
	anys, funcs, chans, ptrs, strs, obj = nil, nil, nil, nil, nil, nil
	index = map[string]int{}
}

func main() {}
