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
// The package is part of the guest that imports it, which exports goaudit_save and
// goaudit_load by it (dlreload(3)); it has to have no such functions of its own.  A
// module gets it as it gets goaudit/guest, see there.
package state

// #include <stddef.h>
// typedef unsigned int version_t;
import "C"

import (
	"fmt"
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
