package runtime

// A new generation takes over names from the old one.
//
// Some packages of std keep registers of names and panic when a name comes
// twice: flag, encoding/gob, expvar.  The package inits of a guest's next
// generation register the same names again, while the old one is still there.
// So before they run, what the old one has registered is taken out; if they
// panic, it is put back.  Each such package has an overlay file that registers a
// function with goauditOnReplace.  It asks goauditOwns and reflect.goauditDies,
// as a purge does (goaudit_purge.go), takes out what the old generation owns and
// returns a function that puts it back, or nil.

import "unsafe"

// Written by inits of std only, before main_init_done.
var goauditOnReplaceFns []func() (restore func())

//go:linkname goauditOnReplace
func goauditOnReplace(withdraw func() (restore func())) {
	goauditOnReplaceFns = append(goauditOnReplaceFns, withdraw)
}

// goauditTaken is what guests had registered that stay mapped.
type goauditTaken struct {
	from    []*goauditModule // not unlinked: their names may come back
	restore []func()
}

// goauditWithdraw takes out the names of the guests that lie in these ranges and
// stay mapped, all in one pass over the registers.  Registered guests are in use
// until done is called: they may get their names back.
func goauditWithdraw(ranges []goauditRange) (taken goauditTaken) {
	named, unlinked := new(goauditBatch), new(goauditBatch)
	for _, r := range ranges {
		b := unlinked
		if md := goauditFind(r.lo, r.hi); md != nil {
			lock(&goauditLock)
			if m := goauditRecord(md); m != nil {
				m.heirs++
				taken.from = append(taken.from, m)
				b = named
			}
			unlock(&goauditLock)
		}
		b.cands = append(b.cands, goauditCand{lo: uintptr(r.lo), hi: uintptr(r.hi)})
	}
	taken.restore = named.withdraw()
	unlinked.withdraw()
	return
}

func (b *goauditBatch) withdraw() (restore []func()) {
	if len(b.cands) == 0 {
		return
	}
	b.bound()
	b.ask(func() {
		for _, withdraw := range goauditOnReplaceFns {
			if r := withdraw(); r != nil {
				restore = append(restore, r)
			}
		}
	})
	return
}

// done ends the take-over, after the names have been put back if so asked.
func (taken goauditTaken) done(putBack bool) {
	if putBack && len(taken.restore) != 0 {
		new(goauditBatch).ask(func() {
			for _, put := range taken.restore {
				put()
			}
		})
	}
	lock(&goauditLock)
	for _, m := range taken.from {
		m.heirs--
	}
	unlock(&goauditLock)
}

// goauditEndTakeOver: the guest m in [lo, hi) keeps the names that it has taken
// over or, if it has failed, gives them back.  Its inits may be running still, if
// the C side waits for them no longer, and may end in this function, too.
func goauditEndTakeOver(m *goauditModule, lo, hi uint64, failed bool) {
	if failed {
		goauditWithdraw([]goauditRange{{lo, hi}}).done(false)
	}
	lock(&goauditLock)
	taken := m.taken
	m.taken = goauditTaken{}
	unlock(&goauditLock)
	taken.done(failed)
}

func goauditSettle(p unsafe.Pointer) {
	r := (*goauditSettleReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	md := goauditFind(r.lo, r.hi)
	lock(&goauditLock)
	m := goauditRecord(md)
	unlock(&goauditLock)
	if m != nil {
		goauditEndTakeOver(m, r.lo, r.hi, r.failed != 0)
	}
}
