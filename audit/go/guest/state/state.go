// Package state hands the state of a guest over to its next build, by two functions:
//
//	func init() { state.Hand(save, load) }
//
//	func save() (data []byte, version uint32, err error) {
//		data, err = json.Marshal(sessions)
//		return data, 1, err
//	}
//
//	func load(data []byte, version uint32) error {
//		return json.Unmarshal(data, &sessions)
//	}
//
// save is called in the old build and load in the new one, after its package inits and
// before it is current: at a reload, and when a guest that was closed is opened with a
// new build.  An error or a panic of either makes that fail, with its text in what
// Reload or dlerror(3) then says, and the old build goes on.
//
// # Leaving
//
// What a build has done outside of itself it can undo when a successor comes, and do
// again if that one is not taken after all:
//
//	func init() {
//		prometheus.MustRegister(requests) // of a package library
//		state.OnLeave(func() error { prometheus.Unregister(requests); return nil })
//		state.OnReturn(func() error { return prometheus.Register(requests) })
//		state.OnClose(func() { ticker.Stop() })
//	}
//
// Functions of OnLeave are called before the package inits of the new build, the last one
// first; an error or a panic refuses it, with its text.  Those of OnReturn are called, in
// order, when it has failed: in a function of OnLeave, in an init, or later.  Those of
// OnClose are called, the last one first, when the guest is closed and no build follows.
// So a build hears of its end once, either by OnLeave or by OnClose.  That save was called
// does not mean that a new build comes.
//
// What a guest registers with packages of the standard library needs none of this: the
// next build takes the names over, and they go when the guest does (goaudit(7)).
//
// The functions run while calls into the build may be under way, which are served as
// always.  The reload waits for them as long as it waits for package inits
// (GOAUDIT_INIT_TIMEOUT), or ten seconds; then it fails, and OnReturn's follow when
// OnLeave's have ended.
//
// The package is part of the guest that imports it, which exports goaudit_save,
// goaudit_load, goaudit_leave, goaudit_return and goaudit_close by it (dlreload(3)); it has
// to have no such functions of its own.  A
// module gets it as it gets goaudit/guest, see there.
package state

// #include <stddef.h>
// typedef unsigned int version_t;
import "C"

import (
	"fmt"
	"log"
	"sync"
	"unsafe"
)

// Save returns what is to be handed over, with a version of its form.  No data and no
// error: there is nothing.
type Save func() (data []byte, version uint32, err error)

// Load takes over what Save of the old build has returned.  data is the callee's.
type Load func(data []byte, version uint32) error

var (
	save Save
	load Load
)

// failure is what the last call of save or load has failed with.
var failure error

// Hand sets the two functions; it is for a package init.  Either may be nil: a build
// that only takes over, or only hands over.
func Hand(s Save, l Load) { save, load = s, l }

var (
	hooks   sync.Mutex // guards these
	leaves  []func() error
	returns []func() error
	closes  []func()
)

// OnLeave adds a function that is called when a new build is about to be loaded.  An
// error refuses the new build.
func OnLeave(f func() error) {
	hooks.Lock()
	defer hooks.Unlock()
	leaves = append(leaves, f)
}

// OnReturn adds a function that is called when that new build is not taken.  An error is
// printed by log.Print: nobody else can do anything about it.
func OnReturn(f func() error) {
	hooks.Lock()
	defer hooks.Unlock()
	returns = append(returns, f)
}

// OnClose adds a function that is called when the guest has been closed for good.
func OnClose(f func()) {
	hooks.Lock()
	defer hooks.Unlock()
	closes = append(closes, f)
}

// of returns what has been added so far.
func of[F any](list *[]F) []F {
	hooks.Lock()
	defer hooks.Unlock()
	return append([]F(nil), *list...)
}

//export goaudit_leave
func goaudit_leave() C.int {
	fs := of(&leaves)
	for i := range fs {
		if failure = call(fs[len(fs)-1-i]); failure != nil {
			return 1
		}
	}
	return 0
}

//export goaudit_return
func goaudit_return() {
	for _, f := range of(&returns) {
		if err := call(f); err != nil {
			log.Print("goaudit/guest/state: OnReturn: ", err)
		}
	}
}

//export goaudit_close
func goaudit_close() {
	fs := of(&closes)
	for i := range fs {
		f := fs[len(fs)-1-i]
		if err := call(func() error { f(); return nil }); err != nil {
			log.Print("goaudit/guest/state: OnClose: ", err)
		}
	}
}

func call(f func() error) (err error) {
	defer recovered(&err)
	return f()
}

//export goaudit_save
func goaudit_save(size *C.size_t, version *C.version_t) (block unsafe.Pointer) {
	*size, *version = 0, 0
	if save == nil {
		return nil
	}
	data, v, err := callSave()
	if failure = err; err != nil {
		*size = 1 // failed
		return nil
	}
	if data == nil {
		return nil
	}
	*size, *version = C.size_t(len(data)), C.version_t(v)
	return C.CBytes(data)
}

//export goaudit_load
func goaudit_load(data unsafe.Pointer, size C.size_t, version C.version_t) C.int {
	if load == nil {
		return 0
	}
	b := make([]byte, size) // C.GoBytes is for less than 2 GB
	copy(b, unsafe.Slice((*byte)(data), size))
	if failure = callLoad(b, uint32(version)); failure != nil {
		return 1
	}
	return 0
}

// goaudit_state_error gives the text of that, which becomes part of the reload's error.
//
//export goaudit_state_error
func goaudit_state_error() *C.char {
	if failure == nil {
		return nil
	}
	return C.CString(failure.Error())
}

func callSave() (data []byte, version uint32, err error) {
	defer recovered(&err)
	return save()
}

func callLoad(data []byte, version uint32) (err error) {
	defer recovered(&err)
	return load(data, version)
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}
