//go:build go1.26

package runtime

// The world stops while threads are in C.
//
// A thread that enters C looks whether the world is being stopped, and only then says
// that it is in C (reentersyscall).  stopTheWorldWithSema looks once for threads that
// have said so.  One that was between the two keeps its P, and nobody takes it before
// sysmon wakes up, which sleeps for up to forcegcperiod/2, a minute, while the world is
// being stopped.  So who waits for the rest looks again (../../edits).

// For a test.
var goauditLookOnce bool

// goauditStopSyscalls stops the Ps of threads in C.  The world is being stopped; on the
// system stack.
func goauditStopSyscalls() {
	if goauditLookOnce {
		return
	}
	stopped := false
	lock(&sched.lock)
	for _, pp := range allp {
		if thread, ok := setBlockOnExitSyscall(pp); ok {
			thread.gcstopP()
			thread.resume()
			stopped = true
		}
	}
	if stopped && sched.stopwait == 0 {
		notewakeup(&sched.stopnote)
	}
	unlock(&sched.lock)
}
