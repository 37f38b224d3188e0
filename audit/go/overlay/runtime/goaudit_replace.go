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

import _ "unsafe" // for linkname

// Written by inits of std only, before main_init_done.
var goauditOnReplaceFns []func() (restore func())

//go:linkname goauditOnReplace
func goauditOnReplace(withdraw func() (restore func())) {
	goauditOnReplaceFns = append(goauditOnReplaceFns, withdraw)
}

// goauditWithdraw takes out the names of the guests that lie in ranges.
func goauditWithdraw(ranges []goauditRange) (restore []func()) {
	if len(ranges) == 0 {
		return nil
	}
	b := new(goauditBatch)
	for _, r := range ranges {
		b.cands = append(b.cands, goauditCand{lo: uintptr(r.lo), hi: uintptr(r.hi)})
	}
	b.bound()
	b.ask(func() {
		for _, withdraw := range goauditOnReplaceFns {
			if r := withdraw(); r != nil {
				restore = append(restore, r)
			}
		}
	})
	return restore
}
