//go:build go1.25 && !go1.26

package runtime

import "unsafe"

// Cleanups: a special with a closure, and a queue of closures.

func (b *goauditBatch) checkCleanup(sp *special) {
	if sp.kind == _KindSpecialCleanup {
		b.checkFn((*specialCleanup)(unsafe.Pointer(sp)).fn, goauditCleanup, 0)
	}
}

func (b *goauditBatch) checkQueuedCleanups() {
	for cb := (*cleanupBlock)(gcCleanups.all.Load()); cb != nil; cb = cb.alllink {
		for i := uint32(0); i < cb.n; i++ {
			b.checkFn(cb.cleanups[i], goauditCleanup, 0)
		}
	}
}
