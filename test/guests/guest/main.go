// A guest that can be held in many ways: Run(kind) does one of them, and
// Release(kind) ends it.  The host opens a copy for each kind.
package main

/*
#include <unistd.h>
static int ends[2];
static _Atomic int napping;
static int open_ends(void) { return pipe(ends); }
static int is_napping(void) { return napping; }
static int other_end(void) { return ends[1]; }
// Until somebody writes into the other end.
static void nap(void) { char byte; napping = 1; while (read(ends[0], &byte, 1) < 0); }
static void hand(void *keep, void *p) { ((void (*)(void *))keep)(p); }
*/
import "C"

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"expvar"
	"flag"
	"fmt"
	"io"
	"iter"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unique"
	"unsafe"
	"weak"
)

type pair struct{ A, B int32 } // the keeper has it without a name
type T struct {
	A int `json:"a"`
	S string
	P *T
	I any
}

func (t *T) String() string                               { return fmt.Sprint("T", t.A) }
func (t *T) Write(b []byte) (int, error)                  { t.A += len(b); return len(b), nil }
func (t *T) method() int                                  { return t.A }
func (t *T) ServeHTTP(http.ResponseWriter, *http.Request) {}

type E struct{ n int }

func (e *E) Error() string   { return fmt.Sprint("E", e.n) }
func (e *E) Is(x error) bool { return x == io.EOF }

type K struct {
	a int
	s string
}

type big struct {
	p [100]*int
	s string
}

type huge struct{ p [20000]*int }

var (
	kept     any
	stop     = make(chan struct{})
	spinning atomic.Bool
	pipe     [2]*os.File
	timer    *time.Timer
	ticker   *time.Ticker
	global   [8]int
	fired    int
	ending   uintptr // what ends it from outside: see Ending
	pool     = sync.Pool{New: func() any { return new(T) }}
	ctx      context.Context
	cancel   context.CancelFunc
)

var run = map[string]func(){
	"plain":  func() { kept = fmt.Sprint(map[K]*T{{1, "x"}: {A: 1}}) },
	"parked": func() { go func() { <-stop }() },
	"spinning": func() {
		spinning.Store(true)
		go func() {
			for n := 0; spinning.Load(); n++ {
			}
		}()
	},
	"syscall": func() {
		var fd [2]int
		syscall.Pipe(fd[:])
		pipe[1] = os.NewFile(uintptr(fd[1]), "w")
		go func() { syscall.Read(fd[0], make([]byte, 1)) }()
		time.Sleep(20 * time.Millisecond)
	},
	"cgo": func() {
		if C.open_ends() != 0 {
			panic("no pipe")
		}
		ending = uintptr(C.other_end())
		go func() { C.nap(); fired++ }()
		for C.is_napping() == 0 {
			time.Sleep(time.Millisecond)
		}
	},
	"copying": func() { // only std's frames, with a guest's writer among the arguments
		pipe[0], pipe[1], _ = os.Pipe()
		go io.Copy(&T{}, pipe[0])
		time.Sleep(20 * time.Millisecond)
	},
	"afterfunc": func() { timer = time.AfterFunc(time.Hour, func() { fired++ }) },
	"afterfunc-alone": func() { // which only the runtime's timers lead to
		t := time.AfterFunc(time.Hour, func() { fired++; close(stop) })
		ending = ^uintptr(unsafe.Pointer(t))
	},
	"ticker": func() { ticker = time.NewTicker(time.Millisecond); <-ticker.C },
	"ticker-loop": func() {
		ticker = time.NewTicker(time.Millisecond)
		go func() {
			for {
				select {
				case <-ticker.C:
					fired++
				case <-stop:
					return
				}
			}
		}()
	},
	"finalizer-own":     func() { o := &T{A: 1}; kept = o; runtime.SetFinalizer(o, func(*T) { fired++ }) },
	"finalizer-garbage": func() { garbage() },
	"cleanup-own":       func() { o := &T{A: 1}; kept = o; runtime.AddCleanup(o, func(n int) { fired += n }, 1) },
	"file":              func() { kept, _ = os.Open("/dev/null") },
	"weak-own":          func() { o := &T{A: 1}; kept = []any{o, weak.Make(o)} },
	"unique":            func() { kept = []any{unique.Make(K{1, "k"}), unique.Make("a constant")} },
	"pool": func() {
		for i := 0; i < 100; i++ {
			a, b := pool.Get().(*T), pool.Get().(*T)
			pool.Put(a)
			pool.Put(b)
		}
	},
	"expvar":   func() { expvar.Publish("guest", &T{A: 1}) },
	"servemux": func() { http.Handle("/guest", &T{}) },
	"muxfunc":  func() { http.HandleFunc("/func", func(http.ResponseWriter, *http.Request) {}) },
	"gob": func() {
		gob.Register(&K2{})
		var b bytes.Buffer
		check(gob.NewEncoder(&b).Encode(T{A: 1, I: &K2{X: 2}}))
		var t T
		check(gob.NewDecoder(&b).Decode(&t))
	},
	"flagset": func() { flag.CommandLine.SetOutput(&T{}) },
	"timers-stopped": func() {
		for i := 0; i < 100; i++ {
			time.AfterFunc(time.Hour, func() { fired++ }).Stop()
		}
	},
	"log":    func() { log.SetOutput(&T{}) },
	"notify": func() { c := make(chan os.Signal, 1); kept = c; signal.Notify(c, syscall.SIGUSR2) },
	"itabs": func() {
		var b strings.Builder
		for i := 0; i < 400; i++ {
			fmt.Fprint(&b, &T{A: i}, &E{i})
			errors.Is(&E{i}, io.EOF)
			io.Copy(io.Discard, strings.NewReader("x"))
		}
	},
	"generics": func() {
		l := []K{{3, "c"}, {1, "a"}, {2, "b"}}
		slices.SortFunc(l, func(x, y K) int { return x.a - y.a })
		next, stop := iter.Pull(maps.Keys(map[K]int{l[0]: 1}))
		next()
		stop()
		kept = sync.OnceValue(func() K { return l[0] })()
	},
	"reflect": func() {
		t := reflect.TypeOf(T{})
		m := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(K{}), t))
		for i := 0; i < 100; i++ {
			m.SetMapIndex(reflect.ValueOf(K{i, "k"}), reflect.ValueOf(T{A: i}))
		}
		kept = []any{
			m.Interface(), reflect.PointerTo(reflect.PointerTo(t)), reflect.SliceOf(reflect.SliceOf(t)),
			reflect.ArrayOf(7, t), reflect.ChanOf(reflect.BothDir, t), made(t),
			reflect.FuncOf([]reflect.Type{t}, nil, false),
			reflect.ValueOf(&T{A: 1}).MethodByName("String").Call(nil)[0].String(),
		}
	},
	"setenv": func() { os.Setenv("GOAUDIT_GUEST_KEY", "a constant value of the guest") },
	"json": func() {
		b, err := json.Marshal(map[string]any{"t": &T{A: 1, S: "s"}})
		check(err)
		check(json.Unmarshal(b, &map[string]T{}))
	},
	"server": func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		srv := &http.Server{Handler: &T{}}
		go srv.Serve(l)
		r, err := http.Get("http://" + l.Addr().String() + "/x")
		check(err)
		io.ReadAll(r.Body)
		r.Body.Close()
		srv.Shutdown(context.Background())
		http.DefaultClient.CloseIdleConnections()
		time.Sleep(50 * time.Millisecond)
	},
	"contexts": func() {
		c, cancel := context.WithTimeout(context.WithValue(context.Background(), K{}, "v"), time.Hour)
		var wg sync.WaitGroup
		for i := 0; i < 8; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				select {
				case <-c.Done():
				case <-time.After(time.Duration(i) * time.Millisecond):
				}
			}()
		}
		wg.Wait()
		cancel()
		kept = fmt.Sprint(c)
	},
	"panics": func() {
		for i := 0; i < 100; i++ {
			check(errors.Unwrap(fmt.Errorf("w: %w", recovered(i))))
		}
	},
	"large-own": func() {
		var l []any
		for i := 0; i < 100; i++ {
			l = append(l, &big{s: strings.Repeat("x", 10)})
		}
		kept = append(l, &huge{})
	},
}

type K2 struct{ X int }

//go:noinline
func garbage() {
	for i := 0; i < 100; i++ {
		runtime.SetFinalizer(&T{A: i}, func(*T) { fired++ })
	}
}

func made(t reflect.Type) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "F", Type: t}, {Name: "G", Type: reflect.SliceOf(t)}})
}

func recovered(i int) (err error) {
	defer func() {
		recover()
	}()
	if i%2 == 0 {
		panic(&E{i})
	}
	var p *E
	p.n++
	return
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// give makes the values that the keeper keeps.
var give = map[string]func() unsafe.Pointer{
	"any":         func() unsafe.Pointer { return box(T{A: 1}) },
	"pointer":     func() unsafe.Pointer { return box(&T{A: 1}) },
	"nil-pointer": func() unsafe.Pointer { return box((*T)(nil)) },
	"error":       func() unsafe.Pointer { return box(fmt.Errorf("wrapped: %w", &E{1})) },
	"panic-value": func() unsafe.Pointer {
		var v any
		func() {
			defer func() { v = recover() }()
			panic(&E{7})
		}()
		return box(v)
	},
	"runtime-error": func() unsafe.Pointer {
		var v any
		func() {
			defer func() { v = recover() }()
			var s fmt.Stringer
			_ = any(s).(*T)
		}()
		return box(v)
	},
	"context": func() unsafe.Pointer { return box(context.WithValue(context.Background(), K{1, "k"}, 1)) },
	"ctx-func": func() unsafe.Pointer {
		ctx, cancel = context.WithCancel(context.Background())
		context.AfterFunc(ctx, func() { fired++ })
		return box([]any{ctx, cancel})
	},
	"map-key":    func() unsafe.Pointer { return box(map[K]string{{1, "k"}: "v"}) },
	"sync-map":   func() unsafe.Pointer { m := new(sync.Map); m.Store(K{1, "k"}, 1); return box(m) },
	"atomic":     func() unsafe.Pointer { v := new(atomic.Value); v.Store(K{1, "k"}); return box(v) },
	"writer":     func() unsafe.Pointer { w := io.MultiWriter(&T{}, io.Discard); return box(w) },
	"sentinel":   func() unsafe.Pointer { return box(sentinel) },
	"made-type":  func() unsafe.Pointer { return box(made(reflect.TypeOf(T{}))) },
	"made-value": func() unsafe.Pointer { return box(reflect.New(made(reflect.TypeOf(T{}))).Interface()) },
	"rtype":      func() unsafe.Pointer { return box(reflect.TypeOf(T{})) },
	"pcs": func() unsafe.Pointer {
		pcs := make([]uintptr, 10)
		return box(pcs[:runtime.Callers(0, pcs)])
	},
	"generic-func": func() unsafe.Pointer { return box(sync.OnceValue(func() int { return 7 })) },
	"pull": func() unsafe.Pointer {
		next, _ := iter.Pull(maps.Keys(map[int]int{1: 2, 3: 4}))
		next()
		f := func() int { k, _ := next(); return k }
		return unsafe.Pointer(&f)
	},
	"closure":       func() unsafe.Pointer { s := []int{1}; f := func() int { return s[0] }; return unsafe.Pointer(&f) },
	"closure-noptr": func() unsafe.Pointer { n := len(os.Args); f := func() int { return n }; return unsafe.Pointer(&f) },
	"method-value":  func() unsafe.Pointer { f := (&T{A: 3}).method; return unsafe.Pointer(&f) },
	"func":          func() unsafe.Pointer { f := static; return unsafe.Pointer(&f) },
	"chan":          func() unsafe.Pointer { c := make(chan pair, 4); return unsafe.Pointer(&c) },
	"variable":      func() unsafe.Pointer { return unsafe.Pointer(&global[2]) },
	"object":        func() unsafe.Pointer { return unsafe.Pointer(&big{s: "s"}) },
	"object-large":  func() unsafe.Pointer { return unsafe.Pointer(&huge{}) },
	"plain-object":  func() unsafe.Pointer { return unsafe.Pointer(&T{A: 1}) },
	"string":        func() unsafe.Pointer { return str("a constant of the guest that stays") },
	"substring":     func() unsafe.Pointer { s := "a long constant of the guest"; return str(s[2:9]) },
	"weak": func() unsafe.Pointer {
		o := &[]byte{1, 2, 3}
		kept = o
		p := weak.Make(o)
		return unsafe.Pointer(&p)
	},
}

var sentinel = errors.New("sentinel of the guest")

func static() int { return 5 }

func box(v any) unsafe.Pointer { return unsafe.Pointer(&v) }

func str(s string) unsafe.Pointer { return unsafe.Pointer(&s) }

//export Run
func Run(kind *C.char) { run[C.GoString(kind)]() }

// Give hands what it makes to a function of C's.  It does not return it: a collection
// knows nothing of a pointer that only C has, and would free what it leads to.
//
//export Give
func Give(kind *C.char, keep unsafe.Pointer) { C.hand(keep, give[C.GoString(kind)]()) }

// Attach puts a finalizer or a cleanup of ours on an object of the keeper's.
//
//export Attach
func Attach(kind *C.char, p *[]byte) {
	switch C.GoString(kind) {
	case "finalizer":
		runtime.SetFinalizer(p, func(*[]byte) { fired++ })
	case "cleanup":
		runtime.AddCleanup(p, func(n int) { fired += n }, 3)
	}
}

// Ending is by what the host ends it when the guest is gone: a descriptor to write into,
// or a timer's address, inverted.
//
//export Ending
func Ending() uintptr { return ending }

//export Release
func Release(kind *C.char) {
	switch C.GoString(kind) {
	case "parked", "ticker-loop":
		close(stop)
	case "spinning":
		spinning.Store(false)
	case "syscall", "copying":
		pipe[1].Close()
	case "cgo":
		syscall.Write(int(ending), []byte{1})
	case "afterfunc":
		timer.Stop()
	case "afterfunc-alone":
		(*time.Timer)(unsafe.Pointer(^ending)).Reset(0)
		<-stop
	case "servemux", "muxfunc":
		*http.DefaultServeMux = http.ServeMux{}
	case "flagset":
		flag.CommandLine.SetOutput(nil)
	case "log":
		log.SetOutput(os.Stderr)
	case "ctx-func":
		cancel()
	}
	time.Sleep(20 * time.Millisecond)
}

func main() {}
