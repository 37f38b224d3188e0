//go:build go1.26 && linux && amd64

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
// Program and guests share one runtime and the standard library, so its types, and all
// that is made of them (pointers, slices, maps, functions, literal structs and
// interfaces), are the same on both sides.  A type of another package is in each of them
// one of its own.  So is what has code in the guest: an instance of a generic type of the
// library that the program does not mention, like atomic.Pointer[url.URL], and a literal
// struct with methods of fields that it embeds.  To share one, mention it in the program:
//
//	var _ atomic.Pointer[url.URL]
//
// `goaudit init` puts this package into a module, so that go vet, gopls and plain go
// build know it too, on other systems and without cgo as well; Open fails there.
//
// # What holds a generation
//
// A value that leads to a guest's code, types or variables holds the generation it
// came from: it stays mapped and works on until the value is gone.  That is so for
// all that Lookup returns, for what the guest's functions have returned or stored
// elsewhere, and for goroutines that they have started; g.Reload and g.Close do not
// wait for them.  A Bound value follows reloads and holds the current generation
// only.  What is held, and by what, goaudit status shows.  Before Go 1.26 values do not
// hold, so this package wants that release.
package guest

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RELOADABLE 0x00100000	// RTLD_RELOADABLE of goaudit.h

// The module's functions are looked up, so that a program links and starts without.
static int under_module(void) { return dlsym(RTLD_DEFAULT, "goaudit_reclaim") != NULL; }

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

// As in goaudit.h.
struct reload_options {
	size_t size;
	unsigned flags;
	const char *const *variables;
	unsigned init_timeout_ms, reserved;
	char *(*check)(void *symbol, void *arg);
	const char *check_symbol;
	void *check_arg;
};

extern char *goauditGuestCheck(void *table, uintptr_t guest);

static char *check(void *table, void *guest)
{
	return goauditGuestCheck(table, (uintptr_t)guest);
}

static int reload_guest(void *handle, uintptr_t guest, char **error)
{
	void *(*reload)(void *, const struct reload_options *) =
		(void *(*)(void *, const struct reload_options *))dlsym(RTLD_DEFAULT, "dlreload2");
	struct reload_options options = { .size = sizeof options,
					  .check = check,
					  .check_symbol = "goaudit_exports",
					  .check_arg = (void *)guest };
	int done = reload(handle, &options) != NULL;
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
	"runtime/cgo"
	"strings"
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
	bound  map[key]binding

	// The handle is a struct link_map, which begins with the address where the current
	// generation lies; the module changes it after all else of a reload.
	address *uintptr
	seen    atomic.Uintptr // what it was when all that is bound was looked up
}

// A key is what is bound: each once, so that Bind for each use costs nothing later.
type key struct {
	name string
	typ  reflect.Type
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
	g := &Guest{path: path, handle: handle, bound: make(map[key]binding)}
	g.address = (*uintptr)(handle)
	g.seen.Store(atomic.LoadUintptr(g.address))
	return g, nil
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
	if g.handle == nil {
		return nil, fmt.Errorf("%s: %s: %w", g.path, name, errClosed)
	}
	return g.lookup(g.table(), name)
}

// lookup looks in a generation's table of exports, then for a C function.
func (g *Guest) lookup(table unsafe.Pointer, name string) (Symbol, error) {
	if s := find(table, name); s != nil {
		return s, nil
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	if s := C.find_symbol(g.handle, text); s != nil {
		return unsafe.Pointer(s), nil
	}
	return nil, fmt.Errorf("%s: %s: its main package exports no such function or variable, "+
		"and there is no C function of that name: check the name", g.path, name)
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
	w := (*words)(unsafe.Pointer(&s))
	*w = words{e.typ, e.address}
	t := reflect.TypeOf(s)
	if t.Kind() == reflect.Func {
		code := new(unsafe.Pointer) // a func value points to the address
		*code = e.address
		w.data = unsafe.Pointer(code)
	}
	return s
}

// foreign returns the part of a guest's type t that makes it another type than want,
// which has the same name; t itself, if no part does.
func foreign(t, want reflect.Type) reflect.Type {
	if t.Name() != "" || t.Kind() != want.Kind() {
		return t
	}
	var parts [][2]reflect.Type
	add := func(t, want reflect.Type) { parts = append(parts, [2]reflect.Type{t, want}) }
	switch t.Kind() {
	case reflect.Map:
		add(t.Key(), want.Key())
		add(t.Elem(), want.Elem())
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		add(t.Elem(), want.Elem())
	case reflect.Func:
		for i := 0; i < min(t.NumIn(), want.NumIn()); i++ {
			add(t.In(i), want.In(i))
		}
		for i := 0; i < min(t.NumOut(), want.NumOut()); i++ {
			add(t.Out(i), want.Out(i))
		}
	case reflect.Struct:
		for i := 0; i < min(t.NumField(), want.NumField()); i++ {
			add(t.Field(i).Type, want.Field(i).Type)
		}
	case reflect.Interface:
		for i := 0; i < min(t.NumMethod(), want.NumMethod()); i++ {
			add(t.Method(i).Type, want.Method(i).Type)
		}
	}
	for _, p := range parts {
		if p[0] != p[1] {
			return foreign(p[0], p[1])
		}
	}
	return t
}

// whyForeign says it of a part, and what to do.
func whyForeign(part reflect.Type) string {
	what, cure := "is a type of its own", "use types of the standard library or of a package that both share"
	switch {
	case part.Name() == "":
		what, cure = "has names or methods of its own", "give it a name in a package that both share"
	case strings.Contains(part.Name(), "["):
		what = "has a type of its own in it"
	}
	return fmt.Sprintf("the guest's %v %s: %s", part, what, cure)
}

// A Bound is a function, or a pointer to a variable, that follows the reloads of
// its guest: all of them lead to the new generation when Reload returns and, after a
// reload from elsewhere (goaudit watch, goaudit reload, GOAUDIT_WATCH), from the next Get
// on.  Where the new build lacks one of them, or has it with another type, all stay with the
// old generation; Reload says why.
type Bound[T any] struct {
	g     *Guest
	name  string
	value atomic.Pointer[T]
}

// A binding is a Bound of any type.
type binding interface {
	// prepare looks the symbol up in a generation's table; what it returns switches to
	// that.
	prepare(table unsafe.Pointer) (func(), error)
	drop()
}

// Bind looks a function of type T up, or a variable for which T is the pointer
// type.  It fails if the type is another.  For what is bound already it returns the
// same Bound, which leads to the current generation then.
func Bind[T any](g *Guest, name string) (*Bound[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := key{name, reflect.TypeFor[T]()}
	b, _ := g.bound[k].(*Bound[T])
	if b == nil {
		b = &Bound[T]{g: g, name: name}
	}
	if g.handle == nil {
		return nil, fmt.Errorf("%s: %s: %w", g.path, name, errClosed)
	}
	set, err := b.prepare(g.table())
	if err != nil {
		return nil, err
	}
	set()
	g.bound[k] = b
	return b, nil
}

// Get returns the symbol of the generation that is current.  It waits for nobody.  A
// result that is kept holds its generation: call Get for each use.  After the
// guest's Close it panics.
func (b *Bound[T]) Get() T {
	if atomic.LoadUintptr(b.g.address) != b.g.seen.Load() {
		b.g.follow()
	}
	v := b.value.Load()
	if v == nil {
		panic(fmt.Errorf("%s: %s: %w", b.g.path, b.name, errClosed))
	}
	return *v
}

func (b *Bound[T]) prepare(table unsafe.Pointer) (func(), error) {
	s, err := b.g.lookup(table, b.name)
	if err != nil {
		return nil, err
	}
	v, ok := s.(T)
	if want := reflect.TypeFor[T](); !ok && reflect.TypeOf(s).String() == want.String() {
		return nil, fmt.Errorf("%s: %s: it is not the program's %v: %s", b.g.path, b.name, want,
			whyForeign(foreign(reflect.TypeOf(s), want)))
	} else if !ok {
		return nil, fmt.Errorf("%s: %s: it is a %T, not a %v: change one of them",
			b.g.path, b.name, s, want)
	}
	return func() { b.value.Store(&v) }, nil
}

func (b *Bound[T]) drop() { b.value.Store(nil) }

// Reload brings the file in, if it has changed: all that is bound, and all addresses
// that C has, lead to the new generation when it returns, and calls under way end in
// the old one.  On an error the old one goes on, with its state; it is one, too, if
// something that is bound is not there, or of another type.
func (g *Guest) Reload() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handle == nil {
		return fmt.Errorf("%s: %w", g.path, errClosed)
	}
	me := cgo.NewHandle(g)
	defer me.Delete()
	var text *C.char
	if C.reload_guest(g.handle, C.uintptr_t(me), &text) == 0 {
		return taken(text)
	}
	return g.bindAll()
}

// follow binds all anew after a reload from elsewhere.  Who is about to do so is not waited
// for.
func (g *Guest) follow() {
	if !g.mu.TryLock() {
		return
	}
	defer g.mu.Unlock()
	if g.handle != nil {
		g.bindAll()
	}
}

// bindAll binds all to the current generation, or nothing.
func (g *Guest) bindAll() error {
	// Another reload meanwhile is followed later.
	g.seen.Store(atomic.LoadUintptr(g.address))
	set, err := g.prepareAll(g.table())
	if err != nil {
		return err
	}
	for _, f := range set {
		f()
	}
	return nil
}

// prepareAll looks all that is bound up.
func (g *Guest) prepareAll(table unsafe.Pointer) ([]func(), error) {
	set := make([]func(), 0, len(g.bound))
	for _, b := range g.bound {
		f, err := b.prepare(table)
		if err != nil {
			return nil, err
		}
		set = append(set, f)
	}
	return set, nil
}

// goauditGuestCheck is asked by the module before a new build is current, and before the
// state moves over; Reload is below it on the stack.
//
//export goauditGuestCheck
func goauditGuestCheck(table unsafe.Pointer, guest C.uintptr_t) *C.char {
	if _, err := cgo.Handle(guest).Value().(*Guest).prepareAll(table); err != nil {
		return C.CString(err.Error())
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
	clear(g.bound)
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
