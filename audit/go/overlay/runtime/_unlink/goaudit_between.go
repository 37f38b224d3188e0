package runtime

// State of std's packages that has no lock.
//
// flag's maps are written to by whoever defines or parses flags, a host's
// goroutine or a package init, and nothing keeps anybody else out.  A purge or a
// take-over looks at them from another thread.  It does so with the world
// stopped, when no goroutine is in code of the package itself: neither in an
// operation on a map, which is code of the runtime that the package calls and can
// be stopped where it allocates, nor in a loop that has counted a map before
// (sortFlags).  Code of others that the package calls may change the maps anyway.

import _ "unsafe" // for linkname

// goauditBetween calls fn with the world stopped and no goroutine in code of the
// package whose functions' names begin with pkg.  fn may allocate, but not block.
//
//go:linkname goauditBetween
func goauditBetween(pkg string, fn func()) {
	if goauditDying.flags&goauditNoBetween != 0 {
		fn()
		return
	}
	for done := false; !done; {
		w := stopTheWorld(stwReadMemStats)
		start := nanotime()
		systemstack(func() { done = !goauditAnyIn(pkg) })
		if done {
			fn()
		}
		startTheWorld(w)
		goauditDying.stood(nanotime() - start)
		if !done {
			timeSleep(goauditAttemptNs)
		}
	}
}

// goauditAnyIn: is any goroutine in code of pkg, or in the runtime and called from
// there?  The world is stopped.
func goauditAnyIn(pkg string) bool {
	for _, gp := range allgs {
		s := readgstatus(gp) &^ _Gscan
		if gp == getg().m.curg || s == _Gidle || s == _Gdead || s == goauditDeadExtra || !goauditStackSaved(gp) {
			continue
		}
		if goauditHasPrefix(goauditCaller(gp), pkg) {
			return true
		}
	}
	return false
}

// goauditCaller returns the name of the innermost function of gp that is not the
// runtime's; it may be inlined.
func goauditCaller(gp *g) string {
	var u unwinder
	for u.init(gp, 0); u.valid(); u.next() {
		in, frame := newInlineUnwinder(u.frame.fn, u.symPC())
		for ; frame.valid(); frame = in.next(frame) {
			name := in.srcFunc(frame).name()
			if !goauditHasPrefix(name, "runtime.") && !goauditHasPrefix(name, "internal/runtime/") &&
				!goauditHasPrefix(name, "runtime/internal/") {
				return name
			}
		}
	}
	return ""
}

func goauditHasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}
