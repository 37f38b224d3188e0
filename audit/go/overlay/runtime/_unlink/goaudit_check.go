package runtime

// The cheap check: who plainly uses a guest.
//
// It looks where the runtime itself would run into the guest sooner or later:
// frames of goroutines, their deferred calls and panics, pending timers,
// finalizers and cleanups.  For a func value it follows the closure and what
// that has captured, two objects deep, unless a proof comes after it, which finds
// the rest (goaudit_prove.go).
//
// It runs on the system stack with the world stopped, and does not allocate.
// The first holder found for a guest is the one reported.

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

// check holds the guests that are in use.
func (b *goauditBatch) check() {
	for i := range b.cands {
		if c := &b.cands[i]; c.m != nil && c.m.busy && c.req.verdict != goauditHeld {
			t := b.hold(c, goauditFrame, 0)
			t.str("package initialization")
		}
	}
	b.checkForeign()
	if goauditTraceKnowsTypes() {
		for i := range b.cands {
			t := b.hold(&b.cands[i], goauditBusy, 0)
			t.str("an execution trace with GODEBUG=traceallocfree=1")
		}
		return
	}
	for _, gp := range allgs {
		if b.flags&goauditNoFrames != 0 {
			break
		}
		if b.held() == len(b.cands) {
			return
		}
		b.checkG(gp)
	}
	for _, pp := range allp {
		if b.flags&goauditNoTimers != 0 {
			break
		}
		goauditEachTimer(pp, b, (*goauditBatch).checkTimer)
	}
	if !b.proving() {
		b.checkSpecials() // the proof asks whose objects they are of
	}
	held := b.held()
	for fb := allfin; fb != nil; fb = fb.alllink {
		for i := uint32(0); i < fb.cnt; i++ {
			f := &fb.fin[i]
			b.checkFinalizer(f.fn, f.fint, f.ot)
		}
	}
	b.checkQueuedCleanups()
	b.checkProfiles()
	b.soon = b.soon || b.held() != held // they are about to run
}

func (b *goauditBatch) held() (n int) {
	for i := range b.cands {
		if b.cands[i].req.verdict == goauditHeld {
			n++
		}
	}
	return
}

// hold notes that c is in use, and returns where the text goes.
func (b *goauditBatch) hold(c *goauditCand, holder, goid uint64) goauditText {
	c.req.verdict = goauditHeld
	c.req.holder = holder
	c.req.goroutine = goid
	if c.m != nil {
		c.m.unused = goauditUnused{}
	}
	return goauditText{buf: c.req.text[:]}
}

// holdFor is hold for a word w that leads to c: the address of a function, of
// a func value, of an itab or a type, or of something else in the guest.
func (b *goauditBatch) holdFor(c *goauditCand, holder, goid uint64, w uintptr) {
	if c.req.verdict == goauditHeld {
		return
	}
	t := b.hold(c, holder, goid)
	f := findfunc(w)
	if !f.valid() && w%goarch.PtrSize == 0 && w+goarch.PtrSize <= c.md.end {
		f = findfunc(*(*uintptr)(unsafe.Pointer(w)))
	}
	if f.valid() {
		t.fn(f, f.entry())
	} else if typ := goauditTypeAt(c.md, w); typ != nil {
		t.str("type ")
		t.str(toRType(typ).string())
	} else {
		t.str("data of the module")
	}
}

// goauditTypeAt returns the type that w is the address of, or whose itab.
func goauditTypeAt(md *moduledata, w uintptr) (typ *_type) {
	goauditEachItab(md, func(m *itab) {
		if uintptr(unsafe.Pointer(m)) == w {
			_, typ = goauditItabPair(m)
		}
	})
	if typ != nil {
		return typ
	}
	for _, l := range goauditTypelinks(md) {
		if t := goauditLinkedType(md, l); uintptr(unsafe.Pointer(t)) == w {
			return t
		}
	}
	return nil
}

func (b *goauditBatch) checkG(gp *g) {
	if s := readgstatus(gp) &^ _Gscan; s == _Gidle || s == _Gdead || s == goauditDeadExtra {
		return
	}
	var u unwinder
	if goauditStackSaved(gp) {
		u.init(gp, 0)
	} // else checkPassing looks at all of its stack
	for ; u.valid(); u.next() {
		if c := b.of(u.frame.pc); c != nil {
			if c.req.verdict != goauditHeld {
				t := b.hold(c, goauditFrame, gp.goid)
				t.fn(u.frame.fn, u.symPC())
			}
		}
	}
	if c := b.of(gp.startpc); c != nil {
		b.holdFor(c, goauditStart, gp.goid, gp.startpc)
	}
	for d := gp._defer; d != nil; d = d.link {
		b.checkFn(*(**funcval)(unsafe.Pointer(&d.fn)), goauditDefer, gp.goid)
	}
	for p := gp._panic; p != nil; p = p.link {
		b.checkAny(&p.arg, goauditDefer, gp.goid)
	}
}

func (b *goauditBatch) checkTimer(t *timer) {
	b.checkFn(*(**funcval)(unsafe.Pointer(&t.f)), goauditTimer, 0)
	b.checkAny(&t.arg, goauditTimer, 0)
}

// checkAny looks at a value's type and, if it is a func, at the closure.
func (b *goauditBatch) checkAny(v *any, holder, goid uint64) {
	e := efaceOf(v)
	if e._type == nil {
		return
	}
	if c := b.of(uintptr(unsafe.Pointer(e._type))); c != nil {
		if c.req.verdict != goauditHeld {
			t := b.hold(c, holder, goid)
			t.str(toRType(e._type).string())
		}
		return
	}
	if e._type.Kind() == abi.Func {
		b.checkFn((*funcval)(e.data), holder, goid)
	} else if c := b.of(uintptr(e.data)); c != nil {
		b.holdFor(c, holder, goid, uintptr(e.data))
	}
}

func (b *goauditBatch) checkFn(fn *funcval, holder, goid uint64) {
	if b.proving() { // which tells what of the captured values holds
		if fn == nil {
			return
		}
		if c := b.of(fn.fn); c != nil {
			b.holdFor(c, holder, goid, fn.fn)
		}
		return
	}
	if c, w := b.leads(uintptr(unsafe.Pointer(fn)), 2); c != nil {
		b.holdFor(c, holder, goid, w)
	}
}

// leads returns the guest that p leads to, and the word that lies in it: p
// itself, or a word of the heap object at p, to the given depth.  Only the
// first words of an object are read; closures are small.
func (b *goauditBatch) leads(p uintptr, depth int) (*goauditCand, uintptr) {
	if c := b.of(p); c != nil {
		return c, p
	}
	if depth == 0 {
		return nil, 0
	}
	s := spanOfHeap(p)
	if s == nil {
		return nil, 0
	}
	base := s.base() + s.objIndex(p)*s.elemsize
	n := min(s.elemsize, 16*goarch.PtrSize)
	if s.spanclass.noscan() {
		n = goarch.PtrSize // nothing captured but numbers
	}
	for off := uintptr(0); off < n; off += goarch.PtrSize {
		if c, w := b.leads(*(*uintptr)(unsafe.Pointer(base + off)), depth-1); c != nil {
			return c, w
		}
	}
	return nil, 0
}

// checkSpecials goes over all finalizers and cleanups.  The world is stopped
// and no span is being swept, so the lists stand still.
func (b *goauditBatch) checkSpecials() {
	for _, ai := range goauditArenas() {
		ha := mheap_.arenas[ai.l1()][ai.l2()]
		for i, bits := range ha.pageSpecials[:] {
			for j := uintptr(0); bits != 0; j, bits = j+1, bits>>1 {
				if bits&1 == 0 {
					continue
				}
				for sp := ha.spans[uintptr(i)*8+j].specials; sp != nil; sp = sp.next {
					if sp.kind == _KindSpecialFinalizer {
						f := (*specialfinalizer)(unsafe.Pointer(sp))
						b.checkFinalizer(f.fn, f.fint, f.ot)
					} else {
						b.checkCleanup(sp)
					}
				}
			}
		}
	}
}

// checkFinalizer: fn is nil where a cleanup is queued as a finalizer's closure,
// the types are nil there too.
func (b *goauditBatch) checkFinalizer(fn *funcval, fint *_type, ot *ptrtype) {
	b.checkFn(fn, goauditFinal, 0)
	for _, typ := range [2]*_type{fint, (*_type)(unsafe.Pointer(ot))} {
		if c := b.of(uintptr(unsafe.Pointer(typ))); c != nil && c.req.verdict != goauditHeld {
			t := b.hold(c, goauditFinal, 0)
			t.str(toRType(typ).string())
		}
	}
}
