//go:build go1.26

package runtime

import "unsafe"

// Cleanups: a special with the function, its argument, and the code that calls
// one with the other, which is an instance of a generic function and may lie in
// the guest too.  The queue has the same triples.

func (b *goauditBatch) checkCleanup(sp *special) {
	if sp.kind == _KindSpecialCleanup {
		b.checkCleanupFn(&(*specialCleanup)(unsafe.Pointer(sp)).cleanup)
	}
}

func (b *goauditBatch) checkCleanupFn(c *cleanupFn) {
	b.checkFn(c.fn, goauditCleanup, 0)
	b.checkFn(*(**funcval)(unsafe.Pointer(&c.call)), goauditCleanup, 0)
}

func (b *goauditBatch) checkQueuedCleanups() {
	for cb := (*cleanupBlock)(gcCleanups.all.Load()); cb != nil; cb = cb.alllink {
		for i := uint32(0); i < cb.n; i++ {
			b.checkCleanupFn(&cb.cleanups[i])
		}
	}
}
