//go:build !go1.23

package runtime

// Timers: a heap of pointers in each P, deleted ones marked by their status.
// The world is stopped for both functions.

// goauditDrainTimers removes stopped timers, which stay in the heap until
// somebody looks.
func goauditDrainTimers(pp *p) {
	lock(&pp.timersLock)
	if pp.deletedTimers.Load() > 0 {
		clearDeletedTimers(pp)
	}
	unlock(&pp.timersLock)
}

func goauditEachTimer(pp *p, b *goauditBatch, check func(*goauditBatch, *timer)) {
	for _, t := range pp.timers {
		check(b, t)
	}
}
