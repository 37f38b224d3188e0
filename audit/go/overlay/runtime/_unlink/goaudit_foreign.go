package runtime

// Modules that code has put on the runtime's list itself.
//
// A compiler of machine code at run time, like that of github.com/bytedance/sonic,
// makes a moduledata for what it has compiled, so that stacks can be walked, and
// appends it to the list by way of lastmoduledatap, which it gets by go:linkname.
// Nothing says whose it is, its tables lie in objects that the guest keeps alive, and
// nothing takes it off the list again.  So it holds the guests that can have put it
// there: those that refer to lastmoduledatap, and were on the list before it.

// checkForeign holds guests for such modules.
func (b *goauditBatch) checkForeign() {
	last := &firstmoduledata
	for md := last; md != nil; md = md.next {
		last = md
		if md == &goauditGhostModule || goauditRecord(md) != nil || b.hasModule(md) {
			continue
		}
		for i := range b.cands {
			c := &b.cands[i]
			if c.m == nil || !c.m.lists || c.req.verdict == goauditHeld || !goauditBefore(c.md, md) {
				continue
			}
			t := b.hold(c, goauditListed, 0)
			t.str("code that it has compiled at run time: module ")
			t.str(md.modulename)
		}
	}
	if last == lastmoduledatap {
		return
	}
	// Somebody has been stopped while appending: it is the new end already, and
	// the old one does not lead to it yet.  The list must not be cut before.
	for i := range b.cands {
		if c := &b.cands[i]; c.req.verdict != goauditHeld {
			t := b.hold(c, goauditBusy, 0)
			t.str("a module is being put on the runtime's list")
		}
	}
	b.soon = true
}

func goauditBefore(md, other *moduledata) bool {
	for ; md != nil; md = md.next {
		if md == other {
			return true
		}
	}
	return false
}
