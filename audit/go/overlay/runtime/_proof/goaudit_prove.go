//go:build go1.26

package runtime

// The proof, from the first stop to the verdict.
//
//	hold off collections, finish sweeping
//	stop       the cheap check; stacks go on the marker's work list
//	running    trace from the stacks and from all variables but caches;
//	           guests found in use are held, and their variables are roots
//	running    look again at what was written meanwhile, until it is little
//	stop       look again at the rest, at stacks, variables, finalizers and
//	           cleanups: only caches can hold what is left now
//	running    purge std's caches of the types of that, trace from them
//	running    look again at what was written meanwhile, until it is little
//	stop       look at all of it again; verdict, commit
//	running    clean up what is dead; let collections go on
//
// Nothing is purged of a guest that is in use, as far as that can be known: some of
// the caches are what makes types, handles and names one (goaudit_purge.go).  Who
// takes it up by a cache after the purge, or what holds it in a cache that no purge
// knows of, is seen in the last stop: what was purged of it is put back.
//
// "Nothing outside leads to it" is true for ever once it is true at one moment,
// and that moment is the last stop: every reachable object has been looked at,
// and none has been written to since.  The guest could be found by name only
// (types, functions, itabs), and those tables forget it in the same stop.
//
// A stop has a time limit.  If what is left to do takes longer, the world goes
// on, the marker too, and a later stop tries again.  While the program writes
// faster than the marker can follow, the world is not stopped at all: after some
// rounds the guests are held, as busy, until the next time.
//
// Where writes cannot be tracked (goaudit_dirty.go), all of it happens in two
// stops, one before the purge and one after.

const (
	goauditStopLimit   = 600 * 1000 // ns, and for each page of the heap
	goauditPageLimit   = 5          // ns: the kernel walks through all its page tables
	goauditMaxAttempts = 16
	goauditShortRound  = 200 * 1000  // ns: what is left can be done in a stop
	goauditLongRound   = 2000 * 1000 // ns: it cannot
	goauditMaxRounds   = 12
)

// prove unlinks those guests of the batch that nothing outside of them reaches,
// and holds the others.
func (b *goauditBatch) prove() {
	k := &goauditMark
	self := getg()
	for i := range b.cands {
		b.cands[i].findBytes()
	}
	for starting := true; starting; {
		b.holdOff()
		b.inStop(func() {
			if starting = goauditStarting(); starting {
				return
			}
			b.checkAndDrop()
			if len(b.cands) != 0 && k.start(b, self) {
				k.tables()
				k.structs()
				k.findItabs(true)
				k.stacks()
			}
		})
		if starting {
			b.letGo()
			Gosched()
		}
	}
	if len(b.cands) != 0 {
		if k.mem == 0 {
			b.holdBusy("no memory for the check")
		} else if b.flags&goauditStopped == 0 && goauditTrack.start() {
			b.traceRunning(k)
			goauditTrack.stop()
		} else {
			b.traceStopped(k, self)
		}
	}
	b.marked, b.markedBytes, b.dirty, b.rounds = k.objects, k.bytes, k.dirty, k.rounds
	k.stop()
	if b.gone && b.flags&goauditNoScrub == 0 {
		b.scrubRunning()
	}
	b.letGo()
}

const goauditNamingTries = 1000 // of goauditAttemptNs each

// purgeHeldOff is purge while collections are held off.  It does not wait for
// long: a take-over may have goauditNaming and wait for one of expvar's readers,
// whose functions are anybody's and may call GC, which waits for us.
func (b *goauditBatch) purgeHeldOff() bool {
	for i := 0; !cansemacquire(&goauditNaming); i++ {
		if i == goauditNamingTries {
			b.holdBusy("names are being taken over")
			return false
		}
		timeSleep(goauditAttemptNs)
	}
	b.purged = len(b.cands)
	b.asked(goauditPurgeAll)
	return true
}

// inStop runs fn on the system stack with the world stopped.
func (b *goauditBatch) inStop(fn func()) {
	w := stopTheWorld(stwReadMemStats)
	start := nanotime()
	for _, pp := range allp {
		goauditDrainTimers(pp)
	}
	systemstack(func() { fn() }) // the compiler wants a literal
	b.started(w, start)
}

func (b *goauditBatch) started(w worldStop, start int64) {
	startTheWorld(w)
	b.stood(nanotime() - start)
}

func (b *goauditBatch) checkAndDrop() {
	b.check()
	b.dropHeld()
}

func (b *goauditBatch) holdBusy(why string) {
	for i := range b.cands {
		t := b.hold(&b.cands[i], goauditBusy, 0)
		t.str(why)
		b.soon = true
	}
	b.dropHeld()
}

// traceRunning does the proof with the world running most of the time.
func (b *goauditBatch) traceRunning(k *goauditMarker) {
	k.drain(0)
	for _, md := range activeModules() {
		if !b.hasModule(md) {
			k.variables(md, 0)
		}
	}
	k.dropHeld()
	if len(b.cands) == 0 || !b.settle(k, false) || len(b.cands) == 0 {
		return
	}
	if !b.purgeHeldOff() {
		return
	}
	if b.flags&goauditNoVerdict != 0 {
		b.holdBusy("a test wants it so")
		return
	}
	k.cacheVars()
	b.settle(k, true)
}

// settle brings what has been traced up to date, and then all of it in one stop.
// It reports whether it came to that; without, the guests are held, as busy.
func (b *goauditBatch) settle(k *goauditMarker, commit bool) bool {
	left := int64(0)
	for i := 0; i == 0 || i < goauditMaxRounds && left > goauditShortRound && !k.failed; i++ {
		left = k.again()
	}
	if commit && !k.failed {
		k.copyBytes()
	}
	for i := 0; i < goauditMaxAttempts && left < goauditLongRound && len(b.cands) != 0 && !k.failed; i++ {
		limit := goauditStopLimit + int64(goauditTrack.bytes()/physPageSize*goauditPageLimit)
		if i > goauditMaxAttempts/2 {
			limit *= 4
		}
		if b.lastStop(k, limit, i == goauditMaxAttempts-1, commit) {
			return true
		}
		if b.putOff {
			timeSleep(goauditAttemptNs)
		}
		k.drain(0)
		left = k.again()
		if k.pending {
			k.traceOwn()
		}
	}
	if k.failed {
		b.holdBusy("no room for the check")
	} else {
		b.holdBusy("the heap is written to faster than it can be checked")
	}
	return false
}

// again traces from what was written to since the last time.  It returns how long
// that took, in nanoseconds, or should have: on a busy machine this thread may have
// waited for a processor, and a byte takes a nanosecond at the most.
func (k *goauditMarker) again() int64 {
	start, dirty := nanotime(), k.dirty
	k.rounds++
	k.rescan(0)
	k.drain(0)
	return min(nanotime()-start, int64(k.dirty-dirty))
}

// dropHeld takes the guests found in use off the batch; their variables are
// roots now, which may show others to be in use.
func (k *goauditMarker) dropHeld() {
	for k.heldVariables(0) {
		k.drain(0)
	}
	k.b.dropHeld()
}

// lastStop looks at all that may have changed.  It reports whether there is a
// verdict; guests without a holder are unlinked then, if so asked.
func (b *goauditBatch) lastStop(k *goauditMarker, limit int64, last, commit bool) (done bool) {
	w := stopTheWorld(stwReadMemStats)
	start := nanotime()
	for _, pp := range allp {
		goauditDrainTimers(pp)
	}
	systemstack(func() {
		k.late = false
		b.check()
		k.rescan(start + limit)
		done = !k.late && k.roots(start+limit) && !k.failed && !k.pending
		done = done && b.nonePassing(last)
	})
	if done {
		b.dropHeld()
		if commit {
			b.finish(k)
		}
	}
	b.started(w, start)
	return done
}

// nonePassing: see goaudit_passing.go.
func (b *goauditBatch) nonePassing(last bool) bool {
	b.putOff = false
	for _, gp := range allgs {
		b.checkPassing(gp, last)
	}
	return !b.putOff
}

// roots traces from all roots that are not tracked; it reports whether all
// has been traced.  The world is stopped.
func (k *goauditMarker) roots(deadline int64) bool {
	k.findItabs(false)
	k.structs()
	k.stacks()
	k.queues()
	k.drain(deadline)
	for _, md := range activeModules() {
		if !k.b.hasModule(md) {
			k.variables(md, deadline)
		}
	}
	for pass := 0; pass < 2; pass++ {
		for n := k.objects + 1; n != k.objects && !k.late; {
			n = k.objects
			k.specials(false)
			k.drain(deadline)
			if k.heldVariables(deadline) {
				n = k.objects + 1
			}
		}
		if pass == 0 {
			k.specials(true)
			k.drain(deadline)
		}
	}
	return !k.late && k.n == 0
}

// heldVariables scans the variables of guests of the batch that were found in
// use since the last time; it reports whether there were any.
func (k *goauditMarker) heldVariables(deadline int64) (any bool) {
	for i := range k.b.cands {
		c := &k.b.cands[i]
		if c.req.verdict == goauditHeld && !c.traced {
			c.traced, any = true, true
			k.cur = c
			k.variables(c.md, deadline)
			k.cur = nil
		}
	}
	return
}

// finish unlinks what is left of the batch.  The world is stopped.
func (b *goauditBatch) finish(k *goauditMarker) {
	if len(b.cands) == 0 {
		return
	}
	k.redirect()
	systemstack(func() { k.dropSpecials() })
	b.commit()
}

// traceStopped does the proof in two stops, without tracking.
func (b *goauditBatch) traceStopped(k *goauditMarker, self *g) {
	if !b.wholeStop(k, self, false) || len(b.cands) == 0 {
		return
	}
	if b.purgeHeldOff() {
		b.wholeStop(k, self, true)
	}
}

// wholeStop traces all there is in one stop, caches only if it commits; it reports
// whether there was room for that.
func (b *goauditBatch) wholeStop(k *goauditMarker, self *g, commit bool) bool {
	w := stopTheWorld(stwReadMemStats)
	start := nanotime()
	for _, pp := range allp {
		goauditDrainTimers(pp)
	}
	systemstack(func() {
		k.stop()
		if k.start(b, self) {
			k.caches = commit
			b.checkAndDrop()
			k.whole()
			b.nonePassing(true)
			b.dropHeld()
		}
	})
	good := k.mem != 0 && !k.failed
	if good && commit {
		b.finish(k)
	}
	b.started(w, start)
	if !good {
		b.holdBusy("no memory for the check")
	}
	return good
}

func (k *goauditMarker) whole() {
	k.tables()
	k.findItabs(true)
	k.roots(0)
	if k.pending {
		k.traceOwn()
		k.roots(0)
	}
}

// proving: is the check part of a proof?
func (b *goauditBatch) proving() bool { return b.flags&goauditProve != 0 }
