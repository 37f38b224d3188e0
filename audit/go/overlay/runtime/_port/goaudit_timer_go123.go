//go:build go1.23

package runtime

// Timers: a struct timers in each P, stopped ones are zombies.  The world is
// stopped for both functions.

// goauditDrainTimers removes stopped timers, which stay in the heap until
// somebody looks.
func goauditDrainTimers(pp *p) {
	ts := &pp.timers
	if ts.zombies.Load() > 0 {
		ts.lock()
		ts.adjust(nanotime(), true)
		ts.unlock()
	}
}

func goauditEachTimer(pp *p, b *goauditBatch, check func(*goauditBatch, *timer)) {
	for i := range pp.timers.heap {
		check(b, pp.timers.heap[i].timer)
	}
}
