package runtime

// Who registers a name with std, and when it goes: what package sync asks, which has the
// table of names (../../sync/goaudit_names.go).

import "unsafe"

// goauditNamesLock is for that table; under it nobody is preempted, so it may be taken
// with the world stopped.  A leaf.
var goauditNamesLock mutex

//go:linkname goauditLockNames
func goauditLockNames() { lock(&goauditNamesLock) }

//go:linkname goauditUnlockNames
func goauditUnlockNames() { unlock(&goauditNamesLock) }

var goauditNumber uint64 // the last one; under goauditLock

// Written by an init of std only.
var goauditOnTakeOverFns []func()

// goauditOnTakeOver registers a function that drops the names of guests for which
// goauditDiesNumber is true.
//
//go:linkname goauditOnTakeOver
func goauditOnTakeOver(drop func()) {
	goauditOnTakeOverFns = append(goauditOnTakeOverFns, drop)
}

// goauditDiesNumber: is it the number of a guest of the batch, or of one that is gone?
//
//go:linkname goauditDiesNumber
func goauditDiesNumber(guest uint64) bool {
	for i := range goauditDying.cands {
		if m := goauditDying.cands[i].m; m != nil && m.number == guest {
			return true
		}
	}
	lock(&goauditLock)
	lives := false
	for _, m := range goauditModules {
		lives = lives || m.number == guest
	}
	unlock(&goauditLock)
	return !lives
}

// goauditRegistrant returns who has called the function of std that registers: the first
// package on the stack that is not the runtime library's, and the number of its
// module if that is a guest.  In an init of std there is none.
//
//go:linkname goauditRegistrant
func goauditRegistrant() (guest uint64, failed bool, pkg string) {
	var pcs [64]uintptr
	n := callers(1, pcs[:])
	for _, pc := range pcs[:n] {
		f := findfunc(pc)
		if !f.valid() || f.datap == &firstmoduledata {
			continue
		}
		lock(&goauditLock)
		if m := goauditRecord(f.datap); m != nil && !m.pinned {
			guest, failed, m.named = m.number, m.failed, true
		}
		unlock(&goauditLock)
		return guest, failed, goauditPackage(funcname(f))
	}
	return 0, false, ""
}

// goauditPackage cuts a function's name down to its package's path.
func goauditPackage(name string) string {
	end, slash := len(name), 0
	for i := 0; i < end; i++ {
		switch name[i] {
		case '[':
			end = i
		case '/':
			slash = i
		}
	}
	for i := slash; i < end; i++ {
		if name[i] == '.' {
			end = i
		}
	}
	return string([]byte(name[:end]))
}

// goauditEndTakeOver: the guest m keeps the names that it has registered, and the older
// generations lose what they have, or it has failed, and loses its own.  Its inits may be
// running still, if the C side waits for them no longer.
func goauditEndTakeOver(m *goauditModule, failed bool) {
	b := new(goauditBatch)
	lock(&goauditLock)
	for _, o := range goauditModules {
		if failed && o == m || !failed && o.named && goauditHasNumber(m.older, o.number) {
			b.cands = append(b.cands, goauditCand{m: o})
		}
	}
	m.older, m.failed = nil, m.failed || failed
	unlock(&goauditLock)
	if len(b.cands) != 0 {
		b.ask(func() {
			for _, drop := range goauditOnTakeOverFns {
				drop()
			}
		})
	}
}

func goauditHasNumber(numbers []uint64, n uint64) bool {
	for _, have := range numbers {
		if have == n {
			return true
		}
	}
	return false
}

// goauditOlder returns the numbers of the guests in these ranges.
func goauditOlder(ranges []goauditRange) (older []uint64) {
	for _, r := range ranges {
		md := goauditFind(r.lo, r.hi)
		lock(&goauditLock)
		if m := goauditRecord(md); m != nil {
			older = append(older, m.number)
		}
		unlock(&goauditLock)
	}
	return older
}

func goauditSettle(p unsafe.Pointer) {
	r := (*goauditSettleReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	md := goauditFind(r.lo, r.hi)
	lock(&goauditLock)
	m := goauditRecord(md)
	unlock(&goauditLock)
	if m != nil {
		goauditEndTakeOver(m, r.failed != 0)
	}
}
