//go:build go1.26

package runtime

// Roots of the marker.
//
//	variables of all modules but the guests in question
//	stacks, frame by frame
//	what g, m and p structs point to
//	finalizers and cleanups, those of objects and queued ones
//
// Variables that merely remember are left out, or, for caches that are purged,
// looked at only after the purge: goaudit_weak.go.
//
// Finalizers and cleanups of objects that nothing reaches from outside of the
// guests are of three kinds.  One whose function is not a guest's will run some
// time after the guest is gone, so what it and its object lead to counts.  One of
// a guest's, of an object that the guest's own variables lead to, is dropped with
// the guest, as at the end of a process.  One of a guest's, of an object that is
// garbage already, holds the guest until a collection has run it; where the
// collector is off it would not run either, and is dropped.

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

// variables scans data and bss of a module.  Pointer-free sections are not
// looked at: no interface, function or channel is in them.
func (k *goauditMarker) variables(md *moduledata, deadline int64) {
	k.section(md.data, md.edata, &md.gcdatamask, deadline)
	k.section(md.bss, md.ebss, &md.gcbssmask, deadline)
}

// section scans [lo, hi) but for the variables in goauditVars.
func (k *goauditMarker) section(lo, hi uintptr, mask *bitvector, deadline int64) {
	lo0, hi := alignUp(lo, goarch.PtrSize), alignDown(hi, goarch.PtrSize)
	lo = lo0
	for i := 0; i < goauditNVars && lo < hi; i++ {
		v := &goauditVars[i]
		if v.hi <= lo || v.lo >= hi {
			continue
		}
		k.words(lo, v.lo, lo0, mask, true, deadline)
		if v.kind == goauditVarPointers || v.kind == goauditVarCache && k.caches {
			k.words(max(lo, v.lo), min(hi, v.hi), lo0, mask, v.kind != goauditVarPointers, deadline)
		}
		lo = v.hi
	}
	k.words(lo, hi, lo0, mask, true, deadline)
}

func (k *goauditMarker) words(lo, hi, lo0 uintptr, mask *bitvector, all bool, deadline int64) {
	for p := lo; p < hi; p += goarch.PtrSize {
		w := goauditLoad(p) // as in scan
		heap := w-k.heapLo < k.heapLen
		if !heap && w-k.b.lo >= k.b.hi-k.b.lo && w-k.itabs.lo >= k.itabs.len {
			continue
		}
		i := (p - lo0) / goarch.PtrSize
		isPtr := mask.ptrbit(i) != 0
		if !isPtr && (!all || p+goarch.PtrSize >= hi || mask.ptrbit(i+1) == 0) {
			continue
		}
		n := k.root(p | goauditTagVar)
		if isPtr {
			k.pointerWord(w, p)
		} else {
			k.otherWord(w, p)
		}
		if k.rooted(n) {
			k.drain(deadline)
		}
	}
}

// structs finds the g, m and p structs, which are full of program counters.
func (k *goauditMarker) structs() {
	for _, gp := range allgs[k.gs:] {
		k.note(unsafe.Pointer(gp), goauditBitPointers)
	}
	k.gs = len(allgs)
	for mp := allm; mp != nil; mp = mp.alllink {
		k.note(unsafe.Pointer(mp), goauditBitPointers)
		k.note(unsafe.Pointer(mp.g0), goauditBitPointers)
		k.note(unsafe.Pointer(mp.gsignal), goauditBitPointers)
		k.ptr(uintptr(unsafe.Pointer(mp)), true)
	}
	for _, pp := range allp {
		k.note(unsafe.Pointer(pp), goauditBitPointers)
	}
}

// tables hides objects that list the modules.
func (k *goauditMarker) tables() {
	if modulesSlice != nil {
		k.note(unsafe.Pointer(modulesSlice), goauditBitHidden)
		k.note(unsafe.Pointer(unsafe.SliceData(*modulesSlice)), goauditBitHidden)
	}
	k.note(unsafe.Pointer(unsafe.SliceData(pinnedTypemaps)), goauditBitHidden)
	k.note(unsafe.Pointer(k.b), goauditBitHidden)
	k.note(unsafe.Pointer(unsafe.SliceData(k.b.cands)), goauditBitHidden)
	for _, m := range goauditModules {
		k.note(unsafe.Pointer(m), goauditBitHidden)
	}
}

// stacks scans all stacks.  The world is stopped.
func (k *goauditMarker) stacks() {
	k.onStacks = 0
	for _, gp := range allgs {
		s := readgstatus(gp) &^ _Gscan
		if s == _Gidle || s == _Gdead || s == goauditDeadExtra {
			continue
		}
		n := k.root(uintptr(gp.goid)<<3 | goauditTagStack)
		k.goid = gp.goid
		k.stack(gp)
		k.goid = 0
		k.rooted(n)
	}
}

func (k *goauditMarker) stack(gp *g) {
	if gp.sched.ctxt != nil {
		k.liveSlot(uintptr(unsafe.Pointer(&gp.sched.ctxt)))
	}
	k.inCall = gp.syscallsp != 0
	// Our own frames lead to what is being looked for; those of the runtime's
	// own goroutines hold no types of a guest in dead slots for long enough.
	own, quiet := gp == k.self, isSystemGoroutine(gp, false)
	conservative := false
	var u unwinder
	for u.init(gp, 0); u.valid(); u.next() {
		f := &u.frame
		if own {
			own = f.fn.funcID != abi.FuncID_cgocallback
			continue
		}
		async := f.fn.funcID == abi.FuncID_asyncPreempt || f.fn.funcID == abi.FuncID_debugCallV2
		if conservative || async {
			k.frameWords(f, goauditWordAny)
		} else {
			if !quiet && f.continpc != 0 {
				k.frameWords(f, goauditWordFrame)
			}
			k.frame(f)
		}
		conservative = async
	}
	k.inCall = false
	for d := gp._defer; d != nil; d = d.link {
		if d.heap {
			k.liveSlot(uintptr(unsafe.Pointer(&d.fn)))
		}
	}
}

// frameWords looks at all words of a frame, pointers or not.
func (k *goauditMarker) frameWords(f *stkframe, kind int) {
	if f.varp != 0 && f.varp > f.sp {
		k.stackWords(f.sp, f.varp, kind)
	}
	if n := f.argBytes(); n != 0 {
		k.stackWords(f.argp, f.argp+n, kind)
	}
}

func (k *goauditMarker) stackWords(lo, hi uintptr, kind int) {
	for p := alignUp(lo, goarch.PtrSize); p+goarch.PtrSize <= hi; p += goarch.PtrSize {
		w := goauditLoad(p)
		if w-k.heapLo < k.heapLen {
			if kind == goauditWordAny {
				k.ptr(w, true)
			} else if k.negated&goauditNoTypeWords == 0 {
				k.madeType(w)
			}
		} else if k.negated&goauditNoTypeWords == 0 {
			k.word(w, p, kind)
		}
	}
}

// frame scans the pointers of a frame by its stack maps.
func (k *goauditMarker) frame(f *stkframe) {
	locals, args, objs := f.getStackMap(false)
	if locals.n > 0 {
		k.slots(f.varp-uintptr(locals.n)*goarch.PtrSize, locals.bytedata, uintptr(locals.n))
	}
	if args.n > 0 {
		k.slots(f.argp, args.bytedata, uintptr(args.n))
	}
	if f.varp == 0 {
		return
	}
	for i := range objs {
		r := &objs[i]
		base := f.varp
		if r.off >= 0 {
			base = f.argp
		}
		if p := base + uintptr(r.off); p >= f.sp {
			n, mask := goauditStackObject(r)
			k.slots(p, mask, n/goarch.PtrSize)
		}
	}
}

func (k *goauditMarker) slots(base uintptr, mask *byte, n uintptr) {
	for i := uintptr(0); i < n; i++ {
		if *addb(mask, i/8)>>(i%8)&1 != 0 {
			k.liveSlot(base + i*goarch.PtrSize)
		}
	}
}

func (k *goauditMarker) liveSlot(p uintptr) {
	w := goauditLoad(p)
	if w-k.heapLo < k.heapLen {
		k.ptr(w, true)
	} else if k.negated&goauditNoFrames == 0 {
		k.word(w, p, goauditWordLive)
	}
}

// queues scans finalizers and cleanups that are about to run.
func (k *goauditMarker) queues() {
	n := k.root(goauditTagQueue)
	for fb := allfin; fb != nil; fb = fb.alllink {
		for i := uint32(0); i < fb.cnt; i++ {
			f := &fb.fin[i]
			k.finalSlot(uintptr(unsafe.Pointer(&f.fn)))
			k.finalSlot(uintptr(unsafe.Pointer(&f.arg)))
			k.word(uintptr(unsafe.Pointer(f.fint)), 0, goauditWordFinal)
			k.word(uintptr(unsafe.Pointer(f.ot)), 0, goauditWordFinal)
		}
	}
	k.queuedCleanups()
	k.rooted(n)
}

func (k *goauditMarker) finalSlot(slot uintptr) {
	w := goauditLoad(slot)
	if w-k.heapLo < k.heapLen {
		k.ptr(w, false)
	} else {
		k.word(w, slot, goauditWordFinal)
	}
}

// specials scans finalizers and cleanups of objects: of reached ones, or of
// the others.  The world is stopped.
func (k *goauditMarker) specials(unreached bool) {
	goauditEachSpecial(func(s *mspan, sp *special) {
		if sp.kind != _KindSpecialFinalizer && sp.kind != goauditKindCleanup {
			return
		}
		obj := goauditSpecialObject(s, sp)
		if k.negated&goauditNoFinal != 0 || k.marked(obj) == unreached {
			return
		}
		if unreached {
			if c := k.b.specialOwner(sp); c != nil {
				k.garbage(c, sp, obj)
				return
			}
		}
		n := k.root(obj | goauditTagFinal)
		if sp.kind != _KindSpecialFinalizer {
			k.cleanup(sp)
		} else {
			f := (*specialfinalizer)(unsafe.Pointer(sp))
			k.finalSlot(uintptr(unsafe.Pointer(&f.fn)))
			k.word(uintptr(unsafe.Pointer(f.fint)), obj, goauditWordFinal)
			k.word(uintptr(unsafe.Pointer(f.ot)), obj, goauditWordFinal)
			if unreached {
				k.ptr(obj, false)
			}
		}
		k.rooted(n)
	})
}

// garbage judges a finalizer or cleanup of c's, of an object that nothing outside
// of the guests leads to.
func (k *goauditMarker) garbage(c *goauditCand, sp *special, obj uintptr) {
	own, m := k.bitmap(obj, goauditBitOwn)
	switch {
	case *own&m != 0 || gcController.gcPercent.Load() < 0 || c.req.verdict == goauditHeld:
		// is dropped with its guest, if that goes
	case !k.owned:
		k.pending = true
	default:
		k.b.collect = true
		t := k.b.hold(c, goauditFinal, 0)
		t.str("finalizer or cleanup of garbage, waits for a collection: ")
		f := findfunc(k.b.specialCode(sp))
		t.fn(f, f.entry())
	}
}

// traceOwn traces what the guests themselves lead to, without a look at words
// that hold.
func (k *goauditMarker) traceOwn() {
	k.pending, k.owned, k.own = false, true, true
	for i := range k.b.cands {
		k.variables(k.b.cands[i].md, 0)
	}
	k.own = false
}

func goauditSpecialObject(s *mspan, sp *special) uintptr {
	return s.base() + goauditSpecialOffset(sp)/s.elemsize*s.elemsize
}

// goauditEachSpecial goes over the specials of all objects.
func goauditEachSpecial(fn func(*mspan, *special)) {
	for _, ai := range goauditArenas() {
		ha := mheap_.arenas[ai.l1()][ai.l2()]
		for i, bits := range ha.pageSpecials[:] {
			for j := uintptr(0); bits != 0; j, bits = j+1, bits>>1 {
				if bits&1 == 0 {
					continue
				}
				s := ha.spans[uintptr(i)*8+j]
				for sp := s.specials; sp != nil; {
					next := sp.next
					fn(s, sp)
					sp = next
				}
			}
		}
	}
}

// specialOwner returns the guest whose function a finalizer or cleanup is.
func (b *goauditBatch) specialOwner(sp *special) *goauditCand {
	return b.of(b.specialCode(sp))
}

// specialCode returns the entry of that function, of any guest of the batch.
func (b *goauditBatch) specialCode(sp *special) uintptr {
	if sp.kind == _KindSpecialFinalizer {
		return goauditCode(uintptr(unsafe.Pointer((*specialfinalizer)(unsafe.Pointer(sp)).fn)))
	}
	return b.cleanupCode(sp)
}

// goauditCode returns the code of the func value at p.
func goauditCode(p uintptr) uintptr {
	if p == 0 {
		return 0
	}
	return goauditLoad(p)
}
