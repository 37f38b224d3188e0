//go:build go1.26

package runtime

// What dies with a guest.
//
// After the verdict, objects that only the guest leads to are garbage that the
// collector has not seen yet.  Before the guest is unmapped
//
//   - finalizers and cleanups that are functions of the guest are dropped, and
//     what GODEBUG=checkfinalizers notes of such;
//   - weak pointers to unmarked objects become nil, or somebody would make a
//     strong one of them;
//   - allocation headers that lead into the guest are pointed elsewhere, as a
//     stale word on a stack may mark such an object once more.
//
// The first two happen in the stop of the verdict.  The headers are looked at
// with the world running: no object of a type of the guest's can be made any
// more, and no collection runs until it is done.

import "unsafe"

// dropSpecials is called with the world stopped, after the verdict.
func (k *goauditMarker) dropSpecials() {
	goauditEachSpecial(func(s *mspan, sp *special) {
		obj := goauditSpecialObject(s, sp)
		if sp.kind == _KindSpecialFinalizer || sp.kind == goauditKindCleanup {
			if k.negated&goauditNoFinal == 0 && k.b.specialOwner(sp) != nil {
				goauditUnlinkSpecial(s, sp)
			}
		} else if sp.kind == _KindSpecialCheckFinalizer {
			c := (*specialCheckFinalizer)(unsafe.Pointer(sp))
			if k.b.of(uintptr(unsafe.Pointer(c.ptrType))) != nil || k.b.of(c.funcPC) != nil {
				goauditUnlinkSpecial(s, sp)
			}
		} else if !k.marked(obj) {
			goauditClearWeak(sp)
		}
	})
}

func goauditUnlinkSpecial(s *mspan, sp *special) {
	lock(&s.speciallock)
	for pp := &s.specials; *pp != nil; pp = &(*pp).next {
		if *pp == sp {
			*pp = sp.next
			break
		}
	}
	if s.specials == nil {
		spanHasNoSpecials(s)
	}
	unlock(&s.speciallock)
	goauditFreeSpecial(sp)
}

// scrubRunning is scrubHeaders with the world running.  A slot with a stale
// header may be allocated anew at any moment, so the header is exchanged only
// if it is still the stale one.
func (b *goauditBatch) scrubRunning() {
	for i := 0; ; i++ {
		var s *mspan
		systemstack(func() {
			lock(&mheap_.lock)
			if i < len(mheap_.allspans) {
				s = mheap_.allspans[i]
			}
			unlock(&mheap_.lock)
		})
		if s == nil {
			return
		}
		if s.state.get() != mSpanInUse || s.spanclass.noscan() || heapBitsInSpan(s.elemsize) {
			continue
		}
		if s.spanclass.sizeclass() == 0 {
			b.scrub((*uintptr)(unsafe.Pointer(&s.largeType)))
			continue
		}
		for j := uintptr(0); j < uintptr(s.nelems); j++ {
			b.scrub((*uintptr)(unsafe.Pointer(s.base() + j*s.elemsize)))
		}
	}
}

func (b *goauditBatch) scrub(header *uintptr) {
	h := *header
	if b.of(h) != nil || h != 0 && spanOf(h) != nil && b.madeOf(h) {
		goauditCas(header, h, uintptr(unsafe.Pointer(&goauditDeadType)))
	}
}
