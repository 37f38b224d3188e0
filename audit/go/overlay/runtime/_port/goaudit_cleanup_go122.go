//go:build !go1.24

package runtime

// Cleanups: there are none.

func (b *goauditBatch) checkCleanup(sp *special) {}

func (b *goauditBatch) checkQueuedCleanups() {}
