package runtime

// Goroutines in transit: stopped with something of a guest in hand that no root shows.
//
// A goroutine may have been stopped in code of the library with something of a
// guest in its hands: a type that it has just read from a table, the list of
// all modules' types.  Nothing leads to the guest once the goroutine has moved
// on, which takes microseconds; but to unmap the guest before is fatal.
//
// So the commit is put off and tried again shortly if any goroutine is in a
// function that walks the types of all modules, in whatever state (an allocation
// in it may have started a collection, which waits for us); or if a word of the
// stack lies in a guest of a goroutine that would go on by itself: one that was
// running or runnable, or that waits for the collector or for a mutex.  Words
// are not told from dead ones: that costs another try, no more.  Only in the
// last try does such a goroutine count as a holder.
//
// Goroutines that are parked for good are left to the check of frames: a dead
// word in such a stack would hold the guest for as long.

import (
	"internal/goarch"
	"unsafe"
)

// goauditWalkers are the entry points of functions that walk the types of all
// modules, registered by package reflect.
var goauditWalkers []uintptr

// checkPassing looks at one goroutine.
func (b *goauditBatch) checkPassing(gp *g, last bool) {
	s := readgstatus(gp) &^ _Gscan
	if gp == getg().m.curg || s == _Gidle || s == _Gdead || s == goauditDeadExtra || b.flags&goauditNoFrames != 0 {
		return
	}
	var top funcInfo
	var pc uintptr
	var u unwinder
	if goauditStackSaved(gp) {
		u.init(gp, 0)
	}
	for ; u.valid(); u.next() {
		if !top.valid() {
			top, pc = u.frame.fn, u.symPC()
		}
		for _, entry := range goauditWalkers {
			if u.frame.fn.entry() == entry {
				for i := range b.cands {
					b.passing(&b.cands[i], gp, u.frame.fn, u.symPC(), last)
				}
			}
		}
	}
	if !goauditMovesOn(gp) {
		return
	}
	for p := goauditStackTop(gp); p+goarch.PtrSize <= gp.stack.hi; p += goarch.PtrSize {
		if c := b.of(*(*uintptr)(unsafe.Pointer(p))); c != nil {
			b.passing(c, gp, top, pc, last)
		}
	}
}

// goauditStackSaved: is it known how far gp has come?  A goroutine that has left
// a system call and waits for a P is running for all the runtime knows
// (exitsyscall), with no stack pointer saved: there is nothing to unwind.
func goauditStackSaved(gp *g) bool {
	return gp.syscallsp != 0 || gp.sched.sp >= gp.stack.lo && gp.sched.sp <= gp.stack.hi
}

// goauditStackTop returns where the live part of gp's stack begins; all of it
// counts where that is not known.
func goauditStackTop(gp *g) uintptr {
	sp := gp.sched.sp
	if gp.syscallsp != 0 {
		sp = gp.syscallsp
	} else if !goauditStackSaved(gp) {
		sp = gp.stack.lo
	}
	return alignUp(sp, goarch.PtrSize)
}

// goauditMovesOn: will gp go on without anybody's doing?
func goauditMovesOn(gp *g) bool {
	switch readgstatus(gp) &^ _Gscan {
	case _Grunnable, _Grunning, _Gpreempted:
		return true
	case _Gwaiting:
		switch gp.waitreason {
		case waitReasonGCAssistMarking, waitReasonGCAssistWait, waitReasonPreempted, waitReasonSyncMutexLock,
			waitReasonSemacquire: // its allocation starts a collection, and we have gcsema
			return true
		}
	}
	return false
}

func (b *goauditBatch) passing(c *goauditCand, gp *g, f funcInfo, pc uintptr, last bool) {
	if c.req.verdict == goauditHeld {
		return
	}
	if !last {
		b.putOff = true
		return
	}
	b.soon = true
	t := b.hold(c, goauditFrame, gp.goid)
	t.fn(f, pc)
}
