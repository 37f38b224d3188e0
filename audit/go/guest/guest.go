// Package guest opens, calls, reloads and closes Go code in a running Go program,
// in the shape of package plugin:
//
//	g, err := guest.Open("handlers.so")
//	hello, err := guest.Bind[func(http.ResponseWriter, *http.Request)](g, "Hello")
//	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { hello.Get()(w, r) })
//	...
//	err = g.Reload() // requests that begin now run the new code
//
// The guest is a main package that `goaudit build` has built; its exported
// package-level functions and variables can be looked up.  The program is built by
// `goaudit build -exe` and started by `goaudit run`, or with LD_AUDIT=libgoaudit.so.
// Program and guests share one runtime and the standard library, so types of the
// standard library, and types made of those, are the same on both sides.  A package
// outside of it is in each of them a package of its own.
//
// A module gets this package by
//
//	go mod edit -require=goaudit/guest@v0.0.0 -replace=goaudit/guest=FOLDER
//
// or as a copy of this file, which needs nothing else.
//
// # What holds a generation
//
// A value that leads to a guest's code, types or variables holds the generation it
// came from: it stays mapped and works on until the value is gone.  That is so for
// all that Lookup returns, for what the guest's functions have returned or stored
// elsewhere, and for goroutines that they have started; g.Reload and g.Close do not
// wait for them.  A Bound value follows reloads and holds the current generation
// only.  What is held, and by what, goaudit status shows.
package guest

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define RELOADABLE 0x00100000	// RTLD_RELOADABLE of goaudit.h

// The module's functions are looked up, so that a program links and starts without.
static int under_module(void) { return dlsym(RTLD_DEFAULT, "dlreload") != NULL; }

// Each call and its dlerror, which is the thread's, are in one C function.
static char *why(void)
{
	const char *text = dlerror();
	return strdup(text != NULL ? text : "unknown error");
}

static void *open_guest(const char *path, char **error)
{
	void *handle = dlopen(path, RTLD_NOW | RELOADABLE);
	if (handle == NULL)
		*error = why();
	return handle;
}

static void *find_symbol(void *handle, const char *name) { return dlsym(handle, name); }

static int reload_guest(void *handle, char **error)
{
	void *(*reload)(void *) = (void *(*)(void *))dlsym(RTLD_DEFAULT, "dlreload");
	int done = reload(handle) != NULL;
	if (!done)
		*error = why();
	return done;
}

static int close_guest(void *handle, char **error)
{
	int result = dlclose(handle);
	if (result != 0)
		*error = why();
	return result;
}

static int reclaim(int timeout_ms)
{
	int (*f)(void *, int) = (int (*)(void *, int))dlsym(RTLD_DEFAULT, "goaudit_reclaim");
	return f != NULL ? f(NULL, timeout_ms) : 0;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// A Symbol is a function, or a pointer to a variable, as in package plugin; or the
// unsafe.Pointer of a C function.
type Symbol any

// A Guest is an open guest.  Its methods may be called from any goroutine.
type Guest struct {
	path string

	mu     sync.Mutex
	handle unsafe.Pointer // nil: closed
	bound  []binding
}

var errClosed = errors.New("the guest is closed: open it again")

// Open opens the guest in the file at path.  Every successful Open wants a Close.
func Open(path string) (*Guest, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if C.under_module() == 0 {
		return nil, fmt.Errorf("%s: the program does not run under the audit module: "+
			"start it by goaudit run", path)
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var text *C.char
	handle := C.open_guest(name, &text)
	if handle == nil {
		return nil, taken(text)
	}
	return &Guest{path: path, handle: handle}, nil
}

// taken makes an error of text, and frees it.
func taken(text *C.char) error {
	defer C.free(unsafe.Pointer(text))
	return errors.New(C.GoString(text))
}

// Path returns the absolute path of the file.
func (g *Guest) Path() string { return g.path }

// Lookup returns an exported function of the guest's main package, or a pointer to
// an exported variable, of the current generation, which the result holds.  If
// there is none of that name, it returns the address of a C function of that name
// as an unsafe.Pointer, for C to call; that address follows reloads and holds
// nothing.
func (g *Guest) Lookup(name string) (Symbol, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lookup(name)
}

func (g *Guest) lookup(name string) (Symbol, error) {
	if g.handle == nil {
		return nil, fmt.Errorf("%s: %s: %w", g.path, name, errClosed)
	}
	if s := find(g.table(), name); s != nil {
		return s, nil
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	if s := C.find_symbol(g.handle, text); s != nil {
		return unsafe.Pointer(s), nil
	}
	return nil, fmt.Errorf("%s: %s: its main package exports no such function or variable, "+
		"and there is no C function of that name: see to its name", g.path, name)
}

// table returns the current generation's table of exports, or nil.  Somebody else
// may reload the guest at any time.  A pointer in a local variable holds its
// generation; so if the table is still the current one's after it has been stored in
// one, it can be read.
func (g *Guest) table() unsafe.Pointer {
	name := C.CString("goaudit_exports")
	defer C.free(unsafe.Pointer(name))
	for {
		table := C.find_symbol(g.handle, name)
		if again := C.find_symbol(g.handle, name); again == table {
			return table
		}
	}
}

// An export is an entry of the table, see audit/go/linker/goaudit_exports.go.
type export struct {
	name    *byte
	typ     unsafe.Pointer
	address unsafe.Pointer
}

// text decodes an abi.Name: a byte of flags, the length as a varint, the bytes.
func (e *export) text() string {
	n, at := 0, 1
	for shift := 0; ; shift += 7 {
		b := *(*byte)(unsafe.Add(unsafe.Pointer(e.name), at))
		n |= int(b&0x7f) << shift
		at++
		if b < 0x80 {
			break
		}
	}
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(e.name), at)), n)
}

func find(table unsafe.Pointer, name string) Symbol {
	if table == nil {
		return nil
	}
	n := *(*uintptr)(table)
	for _, e := range unsafe.Slice((*export)(unsafe.Add(table, unsafe.Sizeof(n))), n) {
		if e.text() == name {
			return e.symbol()
		}
	}
	return nil
}

// An interface is a type and, for what is a pointer, that pointer.
type words struct{ typ, data unsafe.Pointer }

func (e *export) symbol() (s Symbol) {
	*(*words)(unsafe.Pointer(&s)) = words{e.typ, e.address}
	if reflect.TypeOf(s).Kind() == reflect.Func {
		code := new(unsafe.Pointer) // a func value points to the address
		*code = e.address
		(*words)(unsafe.Pointer(&s)).data = unsafe.Pointer(code)
	}
	return s
}

// A Bound is a function, or a pointer to a variable, that follows the reloads of
// its guest.
type Bound[T any] struct {
	g     *Guest
	name  string
	value atomic.Pointer[T]
}

// A binding is a Bound of any type.
type binding interface {
	// prepare looks the current generation's symbol up; what it returns
	// switches to that.
	prepare() (func(), error)
	drop()
}

// Bind looks a function of type T up, or a variable for which T is the pointer
// type.  It fails if the type is another.
func Bind[T any](g *Guest, name string) (*Bound[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := &Bound[T]{g: g, name: name}
	set, err := b.prepare()
	if err != nil {
		return nil, err
	}
	set()
	g.bound = append(g.bound, b)
	return b, nil
}

// Get returns the symbol of the generation that is current.  It waits for nobody.  A
// result that is kept holds its generation: call Get for each use.  After the
// guest's Close it panics.
func (b *Bound[T]) Get() T {
	v := b.value.Load()
	if v == nil {
		panic(fmt.Errorf("%s: %s: %w", b.g.path, b.name, errClosed))
	}
	return *v
}

func (b *Bound[T]) prepare() (func(), error) {
	s, err := b.g.lookup(b.name)
	if err != nil {
		return nil, err
	}
	v, ok := s.(T)
	if want := reflect.TypeFor[T](); !ok && same(reflect.TypeOf(s), want) {
		// equal, but described twice: once here, once in the guest
		t := any(*new(T))
		(*words)(unsafe.Pointer(&t)).data = (*words)(unsafe.Pointer(&s)).data
		v, ok = t.(T)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %s: it is a %T, not a %v: build it for this program, "+
			"or ask for its type", b.g.path, b.name, s, reflect.TypeFor[T]())
	}
	return func() { b.value.Store(&v) }, nil
}

func (b *Bound[T]) drop() { b.value.Store(nil) }

// same tells whether two unnamed types are made of the same named ones.
func same(a, b reflect.Type) bool {
	if a == b {
		return true
	}
	if a.Name() != "" || b.Name() != "" || a.Kind() != b.Kind() || a.String() != b.String() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Slice:
		return same(a.Elem(), b.Elem())
	case reflect.Array:
		return a.Len() == b.Len() && same(a.Elem(), b.Elem())
	case reflect.Chan:
		return a.ChanDir() == b.ChanDir() && same(a.Elem(), b.Elem())
	case reflect.Map:
		return same(a.Key(), b.Key()) && same(a.Elem(), b.Elem())
	case reflect.Func:
		if a.NumIn() != b.NumIn() || a.NumOut() != b.NumOut() || a.IsVariadic() != b.IsVariadic() {
			return false
		}
		for i := 0; i < a.NumIn(); i++ {
			if !same(a.In(i), b.In(i)) {
				return false
			}
		}
		for i := 0; i < a.NumOut(); i++ {
			if !same(a.Out(i), b.Out(i)) {
				return false
			}
		}
		return true
	}
	return false // structs and interfaces: only where there is one description
}

// Reload brings the file in, if it has changed: all that is bound, and all addresses
// that C has, lead to the new generation when it returns, and calls under way end in
// the old one.  On an error all that is bound stays with the old one.
func (g *Guest) Reload() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handle == nil {
		return fmt.Errorf("%s: %w", g.path, errClosed)
	}
	var text *C.char
	if C.reload_guest(g.handle, &text) == 0 {
		return taken(text)
	}
	set := make([]func(), 0, len(g.bound))
	for _, b := range g.bound {
		f, err := b.prepare()
		if err != nil {
			return err
		}
		set = append(set, f)
	}
	for _, f := range set {
		f()
	}
	return nil
}

// Close closes the guest.  Functions of it that are running end as usual; what is
// bound must not be used any more.
func (g *Guest) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handle == nil {
		return fmt.Errorf("%s: %w", g.path, errClosed)
	}
	for _, b := range g.bound {
		b.drop()
	}
	g.bound = nil
	var text *C.char
	if C.close_guest(g.handle, &text) != 0 {
		return taken(text)
	}
	g.handle = nil
	return nil
}

// Reclaim waits until the generations that have been replaced, of all guests, have
// been unmapped or found to be held, at most for the timeout.  It returns how many
// are left.
func Reclaim(timeout time.Duration) int {
	return int(C.reclaim(C.int(timeout.Milliseconds())))
}
