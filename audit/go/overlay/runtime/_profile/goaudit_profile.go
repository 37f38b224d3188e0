package runtime

// Profiles that are being recorded know functions by their program counters, and look
// their names up later: a CPU profile at its end (runtime/pprof, profileWriter), an
// execution trace at the end of each of its parts, which take a second
// (traceStackTable.dump).  A guest that nothing else holds is held until those are
// written that were recorded when it was seen to be free; later ones have nothing of it.
// Profiles that follow each other thus hold a guest for one of them.

import "unsafe"

// goauditUnused is what was being recorded when a guest was first found to be unused.
type goauditUnused struct {
	seen  bool
	log   *profBuf // the CPU profile
	trace uintptr  // the part of the execution trace, 0 for none
}

// What runtime/pprof knows: is a profile recorded, and the lock that its end is under.
var goauditPprof struct {
	profiling *bool
	lock      *int32
}

//go:linkname goauditOnPprof
func goauditOnPprof(profiling *bool, lock unsafe.Pointer) {
	goauditPprof.profiling, goauditPprof.lock = profiling, (*int32)(lock)
}

// goauditProfiles: is a CPU profile recorded, or written?  StopCPUProfile ends when it
// has been, and is under the lock meanwhile; the first bit is a locked sync.Mutex's.
func goauditProfiles() bool {
	p := &goauditPprof
	return p.profiling != nil && (*p.profiling || *p.lock&1 != 0)
}

// checkProfiles holds the guests that a profile may have something of.  The world is
// stopped, so both ends of a part of a trace are seen.
func (b *goauditBatch) checkProfiles() {
	profiles, log := goauditProfiles(), cpuprof.log
	part, writing := goauditTracePart()
	for i := range b.cands {
		c := &b.cands[i]
		if c.m == nil || c.req.verdict == goauditHeld || b.flags&goauditNoGhosts != 0 {
			continue
		}
		u := &c.m.unused
		if !u.seen && (log != nil || !profiles) && !writing {
			*u = goauditUnused{true, log, part}
		}
		var what string
		switch {
		case profiles && (log == nil || log == u.log || !u.seen):
			what = "a CPU profile"
		case writing || u.trace != 0 && part != 0 && part < u.trace+2:
			what = "an execution trace"
		default:
			continue
		}
		was := *u
		t := b.hold(c, goauditProfile, 0)
		t.str(what)
		t.str(" is recorded that may have functions of it")
		*u = was
		b.soon = true
	}
}
