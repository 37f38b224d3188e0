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

// goauditTaken is what one guest had registered.
type goauditTaken struct {
	m       *goauditModule // nil: unlinked already, its names do not come back
	restore []func()
}

// goauditWithdraw takes out the names of the guest that lies in [lo, hi), which
// stays mapped.  A registered guest is in use until done is called: it may get
// its names back.
func goauditWithdraw(lo, hi uint64) (taken goauditTaken) {
	if md := goauditFind(lo, hi); md != nil {
		lock(&goauditLock)
		if taken.m = goauditRecord(md); taken.m != nil {
			taken.m.heirs++
		}
		unlock(&goauditLock)
	}
	b := &goauditBatch{cands: []goauditCand{{lo: uintptr(lo), hi: uintptr(hi)}}}
	b.bound()
	b.ask(func() {
		for _, withdraw := range goauditOnReplaceFns {
			if r := withdraw(); r != nil {
				taken.restore = append(taken.restore, r)
			}
		}
	})
	return
}

// done ends the take-over, after the names have been put back if so asked.
func (taken goauditTaken) done(putBack bool) {
	if taken.m == nil {
		return
	}
	if putBack {
		for _, put := range taken.restore {
			put()
		}
	}
	lock(&goauditLock)
	taken.m.heirs--
	unlock(&goauditLock)
}

// goauditEndTakeOver: the guest m in [lo, hi) keeps the names that it has taken
// over or, if it has failed, gives them back.  Its inits may be running still, if
// the C side waits for them no longer, and may end in this function, too.  (Should
// they define a flag at this very moment, flag's map is written to by two.)
func goauditEndTakeOver(m *goauditModule, lo, hi uint64, failed bool) {
	if failed {
		goauditWithdraw(lo, hi).done(false)
	}
	lock(&goauditLock)
	taken := m.taken
	m.taken = nil
	unlock(&goauditLock)
	for _, t := range taken {
		t.done(failed)
	}
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
