package runtime

// Collections are held off for the time of a proof or a move.
//
// No cycle may start, since it would sweep and clear marks under the marker.  But
// who wants one must not wait for us while we wait for it: an allocation by code
// that has, say, gob's typeLock, which a purge takes too; or one of our own.
//
// Heap goals are no means for that.  SetGCPercent and SetMemoryLimit compute new
// ones at any time, under mheap_.lock alone (setGCPercent, setMemoryLimit,
// gcControllerCommit), and a goal that was put back afterwards would undo what
// they have set.  What gcTrigger.test asks first is memstats.enablegc, which
// nobody but gcenable ever writes.  While it is false no allocation goes into
// gcStart, whatever the goals are.
//
// That also drops collections that are asked for by runtime.GC, which would then
// wait for the next one, perhaps for ever.  So work.startSema is taken as well:
// gcStart waits for it and tests anew, when all is as before.  Who waits there
// for runtime.GC has no lock of the runtime's or of a package that is purged.  Who
// has tested the heap's size just before we came may have one, is in gcStart by
// the first stop (runtime functions are preempted at their beginning only), and is
// seen there: then all is given back, and tried again after that collection.

import "internal/abi"

// goauditHoldOff returns when no collection runs and all spans are swept.
func goauditHoldOff() {
	semacquire(&gcsema)
	for !cansemacquire(&work.startSema) { // gcStart has it and waits for gcsema
		semrelease(&gcsema)
		Gosched()
		semacquire(&gcsema)
	}
	memstats.enablegc = false
	for sweepone() != ^uintptr(0) {
	}
	for !isSweepDone() {
		Gosched()
	}
}

func goauditLetGo() {
	memstats.enablegc = true
	semrelease(&work.startSema)
	semrelease(&gcsema)
}

// A proof's.  Tests have it keep gcsema only.
func (b *goauditBatch) holdOff() {
	goauditHoldOff()
	if b.flags&goauditNoHoldOff != 0 {
		memstats.enablegc = true
		semrelease(&work.startSema)
	}
}

func (b *goauditBatch) letGo() {
	if b.flags&goauditNoHoldOff != 0 {
		semrelease(&gcsema)
		return
	}
	goauditLetGo()
}

// goauditStarting: does a goroutine wait in gcStart that may have a lock?  The
// world is stopped, for the first time since goauditHoldOff.
func goauditStarting() bool {
	start, user, forced := abi.FuncPCABIInternal(gcStart), abi.FuncPCABIInternal(GC), abi.FuncPCABIInternal(forcegchelper)
	for _, gp := range allgs {
		s := readgstatus(gp) &^ _Gscan
		if s == _Gidle || s == _Gdead || s == goauditDeadExtra || !goauditMovesOn(gp) || !goauditStackSaved(gp) {
			continue
		}
		var u unwinder
		for u.init(gp, 0); u.valid(); u.next() {
			if u.frame.fn.entry() != start {
				continue
			}
			if u.next(); !u.valid() || u.frame.fn.entry() != user && u.frame.fn.entry() != forced {
				return true
			}
			break
		}
	}
	return false
}
