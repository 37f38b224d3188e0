//go:build go1.24 && !go1.25

package runtime

import "unsafe"

// Cleanups: a special with a closure, queued together with the finalizers.

func (b *goauditBatch) checkCleanup(sp *special) {
	if sp.kind == _KindSpecialCleanup {
		b.checkFn((*specialCleanup)(unsafe.Pointer(sp)).fn, goauditCleanup, 0)
	}
}

func (b *goauditBatch) checkQueuedCleanups() {}
