package runtime

// Program counters that a program keeps itself (of Callers, in a slog.Record) outlive the
// guest.  Nothing tells where they are, so the names of its functions cannot be kept for
// them as they are for profiles (goaudit_ghost.go).  But nobody else shall answer for them:
// where a guest has been the C side maps nothing again (loader/vacant.h), and what has an
// address there is, for FuncForPC and CallersFrames, a function with the name
//
//	gone (guest.so generation 3)
//
// and no file.  One for each generation, 150 bytes, in the ghosts' tables.  Lookups of
// stack walks do not come here: an address that is gone is on no stack.

import "unsafe"

type goauditGone struct {
	lo, hi uintptr
	fn     uint32 // in the ghosts' pclntable
}

var goauditGoneTable goauditTable[goauditGone]

// leaveNames gives the batch's guests their last name.  The world is stopped.
func (b *goauditBatch) leaveNames() {
	t := &goauditGhosts
	for i := range b.cands {
		c := &b.cands[i]
		if c.m == nil || c.m.name == "" {
			continue
		}
		name := "gone (" + c.m.name + ")"
		var fn goauditGhostFunc
		size := int(unsafe.Sizeof(fn))
		if !goauditGhostsReady() || !t.names.fits(len(name)+1) || !t.funcs.fits(size) ||
			!goauditGoneTable.fits(1) {
			continue
		}
		f := (*_func)(unsafe.Pointer(&fn))
		f.nameOff = goauditGhostName(name, "")
		at := t.funcs.add((*[unsafe.Sizeof(fn)]byte)(unsafe.Pointer(&fn))[:]...)
		goauditGoneTable.add(goauditGone{c.md.text, c.md.etext, at})
	}
	goauditGhostsGrown()
}

// goauditNamed is findfunc for who wants a name.
func goauditNamed(pc uintptr) funcInfo {
	if f := findfunc(pc); f.valid() {
		return f
	}
	all := goauditGoneTable.all()
	for i := len(all) - 1; i >= 0; i-- {
		if g := &all[i]; g.lo <= pc && pc < g.hi {
			md := &goauditGhostModule
			return funcInfo{(*_func)(unsafe.Pointer(&md.pclntable[g.fn])), md}
		}
	}
	return funcInfo{}
}
