//go:build go1.26

package runtime

import "unsafe"

// Objects on stacks, and specials, as they are declared since 1.26.

const goauditKindCleanup = _KindSpecialCleanup

// goauditStackObject returns the size of the part with pointers, and its mask.
func goauditStackObject(r *stackObjectRecord) (uintptr, *byte) { return r.gcdata() }

func goauditSpecialOffset(sp *special) uintptr { return sp.offset }

func (k *goauditMarker) cleanup(sp *special) {
	k.cleanupSlots(&(*specialCleanup)(unsafe.Pointer(sp)).cleanup)
}

func (k *goauditMarker) cleanupSlots(c *cleanupFn) {
	k.finalSlot(uintptr(unsafe.Pointer(&c.call)))
	k.finalSlot(uintptr(unsafe.Pointer(&c.fn)))
	k.finalSlot(uintptr(unsafe.Pointer(&c.arg)))
}

func (k *goauditMarker) queuedCleanups() {
	for cb := (*cleanupBlock)(gcCleanups.all.Load()); cb != nil; cb = cb.alllink {
		for i := uint32(0); i < cb.n; i++ {
			k.cleanupSlots(&cb.cleanups[i])
		}
	}
}

func (b *goauditBatch) cleanupCode(sp *special) uintptr {
	c := &(*specialCleanup)(unsafe.Pointer(sp)).cleanup
	if code := goauditCode(uintptr(unsafe.Pointer(c.fn))); b.of(code) != nil {
		return code
	}
	return goauditCode(*(*uintptr)(unsafe.Pointer(&c.call)))
}

func goauditFreeSpecial(sp *special) {
	lock(&mheap_.speciallock)
	switch sp.kind {
	case _KindSpecialFinalizer:
		mheap_.specialfinalizeralloc.free(unsafe.Pointer(sp))
	case _KindSpecialCheckFinalizer:
		mheap_.specialCheckFinalizerAlloc.free(unsafe.Pointer(sp))
	default:
		mheap_.specialCleanupAlloc.free(unsafe.Pointer(sp))
	}
	unlock(&mheap_.speciallock)
}

// goauditClearWeak makes the weak pointers of an object nil.
func goauditClearWeak(sp *special) {
	if sp.kind == _KindSpecialWeakHandle {
		(*specialWeakHandle)(unsafe.Pointer(sp)).handle.Store(0)
	}
}
