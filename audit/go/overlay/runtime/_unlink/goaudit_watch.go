package runtime

// The end of a collection is reported to the C side.
//
// A guest that is held may be free after a collection: garbage that led to it is
// gone, finalizers have run.  So once an unlink has held one, an object without
// owner is made, whose finalizer calls back.  That costs nothing where nothing
// is held, and one call a collection else.

import "unsafe"

// goauditCollected is a C function, int (void *), or 0.
var goauditCollected uintptr

// goauditWatching: is there such an object?  Under goauditLock.
var goauditWatching bool

type goauditWatcher struct{ self *goauditWatcher }

// goauditWatch sees to it that the end of the next collection is reported, if r
// has held a guest.
func goauditWatch(r *goauditUnlinkReq) {
	held := false
	for i := range unsafe.Slice(r.modules, r.n) {
		m := (*goauditModuleReq)(add(unsafe.Pointer(r.modules), uintptr(i)*unsafe.Sizeof(*r.modules)))
		held = held || m.verdict == goauditHeld
	}
	if !held || goauditCollected == 0 {
		return
	}
	lock(&goauditLock)
	watching := goauditWatching
	goauditWatching = true
	unlock(&goauditLock)
	if !watching {
		SetFinalizer(new(goauditWatcher), func(*goauditWatcher) {
			lock(&goauditLock)
			goauditWatching = false
			unlock(&goauditLock)
			cgocall(unsafe.Pointer(goauditCollected), nil)
		})
	}
}
