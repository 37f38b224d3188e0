package runtime

// State that moves: package variables of one generation of a guest become those
// of the next.
//
// The C side has compared the two builds (audit/image/compare/move_plan.h) and hands over a program
// for each variable, which says where its words of interest are.  The move copies
// words; objects on the heap stay where they are and belong to both generations
// then.  What must not happen is that the new generation's variables lead into the
// old generation: its code would run, its types would not be those of the new
// code, and it could never be unmapped.  So, for all variables before the first
// one is written:
//
//	words that point into the old generation   strings and elements of literals
//	                                           are copied to the heap, constants
//	                                           in interfaces too; others refused
//	what the words lead to on the heap         traced by the marker of the proof:
//	                                           functions, types and variables of
//	                                           the old generation are refused, with
//	                                           the path; strings are left to the
//	                                           unlink, which rescues them
//	allocation headers of old types            will be those of the new types
//
// The world is stopped from the check to the last copy, so that there is one
// moment at which the state changes hands, and no variable is seen half written.
// Collections are held off: nothing is being marked or swept, so no write needs a
// barrier, and no header is read while it changes.  A goroutine that was stopped
// between two stores to a variable would leave it torn; only one that was
// preempted by a signal can be at such a place, so with one that has a frame in
// either generation the move is put off and tried again.

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

// Kinds and flags of ops, as in protocol.h.
const (
	goauditMoveCopy = 1 + iota
	goauditMoveString
	goauditMoveSlice
	goauditMoveLoop
	goauditMovePointer
	goauditMoveMap
	goauditMoveChan
	goauditMoveFunc
	goauditMoveEface
	goauditMoveIface
	goauditMoveIdle

	goauditMovePlain  = 1
	goauditMoveOpaque = 2
)

const goauditMoveAttempts = 100

type goauditMoveOp struct {
	kind, offset, size, count, body, typ, flags uint64
}

type goauditMoveVar struct {
	name, from, to, size, op, ops uint64
}

type goauditMoveType struct{ from, to uint64 }

type goauditMoveReq struct {
	size             uint64
	lo, hi           uint64
	toLo, toHi       uint64
	fromBase, toBase uint64
	vars             *goauditMoveVar
	nvars            uint64
	ops              *goauditMoveOp
	nops             uint64
	types            *goauditMoveType
	ntypes           uint64
	named            *goauditRange
	nnamed           uint64
	verdict          uint64
	failed           uint64
	slot             uint64
	stoppedNs        uint64
	objects          uint64
	cloned           uint64
	retyped          uint64
	text             [512]byte
}

// goauditClone is elements of a literal and their copy.
type goauditClone struct{ lo, hi, to uintptr }

// goauditMover is the state of a move.
type goauditMover struct {
	r      *goauditMoveReq
	lo, hi uintptr     // the old generation's mapping
	to     *moduledata // the new one
	clones []goauditClone
	trace  goauditMoveTrace
}

func goauditMove(p unsafe.Pointer) {
	r := (*goauditMoveReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	r.text[0] = 0
	r.failed, r.slot = r.nvars, 0
	r.stoppedNs, r.objects, r.cloned, r.retyped = 0, 0, 0, 0
	m := &goauditMover{r: r, lo: uintptr(r.lo), hi: uintptr(r.hi)}
	semacquire(&goauditUnlinking)
	md := goauditFind(r.lo, r.hi)
	m.to = goauditFind(r.toLo, r.toHi)
	if md == nil || m.to == nil {
		r.verdict = goauditNotFound
	} else {
		m.run(md)
	}
	semrelease(&goauditUnlinking)
}

func (m *goauditMover) run(md *moduledata) {
	goauditHoldOff()
	for i := 1; ; i++ {
		w := stopTheWorld(stwReadMemStats)
		start := nanotime()
		m.r.verdict = goauditOK
		torn := m.torn(i == goauditMoveAttempts)
		if !torn && m.r.verdict == goauditOK {
			m.clones = m.clones[:0]
			m.trace.start(m, md)
			ok := m.each((*goauditMover).check)
			m.trace.stop(m, ok)
			if ok {
				m.each((*goauditMover).copy)
			}
		}
		startTheWorld(w)
		m.r.stoppedNs += uint64(nanotime() - start)
		if !torn {
			break
		}
		timeSleep(goauditAttemptNs)
	}
	goauditLetGo()
}

// each calls fn for all variables until it returns false.
func (m *goauditMover) each(fn func(m *goauditMover, ops []goauditMoveOp, from, to uintptr) bool) bool {
	r := m.r
	vars := unsafe.Slice(r.vars, r.nvars)
	ops := unsafe.Slice(r.ops, r.nops)
	for i := range vars {
		v := &vars[i]
		if !fn(m, ops[v.op:v.op+v.ops], uintptr(r.fromBase+v.from), uintptr(r.toBase+v.to)) {
			r.failed = uint64(i)
			return false
		}
	}
	return true
}

// torn reports whether a goroutine may be between two stores to a variable.  In
// the last attempt it is named instead.
func (m *goauditMover) torn(last bool) (found bool) {
	systemstack(func() {
		for _, gp := range allgs {
			s := readgstatus(gp) &^ _Gscan
			if s == _Gidle || s == _Gdead || s == goauditDeadExtra || !goauditStackSaved(gp) {
				continue
			}
			if f, pc := m.preemptedIn(gp); f.valid() {
				if !last {
					found = true
					return
				}
				t := m.refuse(0)
				t.str("goroutine ")
				t.num(int(gp.goid))
				t.str(" runs all the time in ")
				t.fn(f, pc)
				return
			}
		}
	})
	return
}

// preemptedIn returns the frame of gp in one of the generations if a signal has
// preempted gp.
func (m *goauditMover) preemptedIn(gp *g) (fn funcInfo, pc uintptr) {
	async := false
	var u unwinder
	for u.init(gp, 0); u.valid(); u.next() {
		f := &u.frame
		async = async || f.fn.funcID == abi.FuncID_asyncPreempt || f.fn.funcID == abi.FuncID_debugCallV2
		in := f.pc-m.lo < m.hi-m.lo || f.pc-uintptr(m.r.toLo) < uintptr(m.r.toHi-m.r.toLo)
		if async && in {
			return f.fn, u.symPC()
		}
	}
	return
}

func (m *goauditMover) in(p uintptr) bool { return p-m.lo < m.hi-m.lo }

// refuse ends the move; the caller writes why.
func (m *goauditMover) refuse(slot uintptr) goauditText {
	m.r.verdict = goauditHeld
	m.r.slot = uint64(slot)
	return goauditText{buf: m.r.text[:]}
}

func (m *goauditMover) no(slot uintptr, why string) bool {
	t := m.refuse(slot)
	t.str(why)
	return false
}

// check looks at the words of one variable, or of one element; to is not used.
func (m *goauditMover) check(ops []goauditMoveOp, from, to uintptr) bool {
	for i := 0; i < len(ops); i++ {
		op := &ops[i]
		body := ops[i+1 : i+1+int(op.body)]
		p := from + uintptr(op.offset)
		ok := true
		switch op.kind {
		case goauditMoveCopy:
		case goauditMoveIdle:
			ok = m.checkIdle(p, uintptr(op.size), to+uintptr(op.offset))
		case goauditMoveString:
			s, n := goauditLoad(p), goauditLoad(p+goarch.PtrSize)
			if n == 0 {
			} else if !m.in(s) {
				ok = m.trace.lead(m, p)
			} else if n > m.hi-s {
				ok = m.no(p, "a string that is being written")
			}
		case goauditMoveSlice:
			ok = m.checkSlice(op, body, p)
		case goauditMoveLoop:
			for j := uintptr(0); j < uintptr(op.count) && ok; j++ {
				at := p + j*uintptr(op.size)
				ok = m.check(body, at, to+(at-from))
			}
		case goauditMoveEface, goauditMoveIface:
			ok = m.checkInterface(op.kind, p, to+uintptr(op.offset))
		case goauditMovePointer, goauditMoveMap, goauditMoveChan, goauditMoveFunc:
			ok = m.checkWord(op.kind, p)
		default:
			ok = m.no(p, "a plan of another release of goaudit")
		}
		if !ok {
			return false
		}
		i += int(op.body)
	}
	return true
}

// checkIdle: a lock that is held would be held for ever, its holder has the other
// one; to is 0 where there is no other one.
func (m *goauditMover) checkIdle(p, size, to uintptr) bool {
	for i := uintptr(0); i < size; i++ {
		if *(*byte)(unsafe.Pointer(p + i)) != 0 {
			return m.no(p, "a lock that is in use")
		}
		if to-uintptr(m.r.toLo) < uintptr(m.r.toHi-m.r.toLo) && *(*byte)(unsafe.Pointer(to + i)) != 0 {
			return m.no(p, "a lock that is in use in the new build")
		}
	}
	return true
}

func (m *goauditMover) checkWord(kind uint64, p uintptr) bool {
	w := goauditLoad(p)
	switch {
	case w == 0:
		return true
	case !m.in(w):
		return m.trace.lead(m, p)
	}
	t := m.refuse(p)
	if kind == goauditMoveFunc {
		if f := findfunc(goauditLoad(w)); f.valid() {
			t.str("func ")
			t.fn(f, f.entry())
			return false
		}
	}
	t.str("points to a variable of the old build")
	return false
}

// checkSlice: elements of the old generation are those of a literal, which nobody
// else knows, or those of a variable, and then there would be two of them.
func (m *goauditMover) checkSlice(op *goauditMoveOp, body []goauditMoveOp, p uintptr) bool {
	at, n, c := goauditLoad(p), goauditLoad(p+goarch.PtrSize), goauditLoad(p+2*goarch.PtrSize)
	size := uintptr(op.size)
	switch {
	case c == 0 || size == 0:
		return true
	case !m.in(at):
		return m.trace.slice(m, op, p)
	case n > c || c > (m.hi-at)/size:
		return m.no(p, "a slice that is being written")
	case op.flags&goauditMoveOpaque != 0,
		op.flags&goauditMovePlain == 0 && m.elem(op, body) == nil:
		return m.no(p, "a literal whose elements cannot be allocated for the new build")
	}
	for _, r := range unsafe.Slice(m.r.named, m.r.nnamed) {
		lo, hi := uintptr(m.r.fromBase+r.lo), uintptr(m.r.fromBase+r.hi)
		if at < hi && lo < at+c*size {
			return m.no(p, "points to a variable of the old build")
		}
	}
	for _, x := range m.clones {
		if at == x.lo && at+c*size == x.hi {
			return true
		}
		if at < x.hi && x.lo < at+c*size {
			return m.no(p, "shares a part of its elements with another slice")
		}
	}
	m.clones = append(m.clones, goauditClone{lo: at, hi: at + c*size})
	if op.flags&goauditMovePlain != 0 {
		return true
	}
	for j := uintptr(0); j < c; j++ {
		if !m.check(body, at+j*size, 0) {
			return false
		}
	}
	return true
}

// elem returns the type to allocate elements with, or nil.  That of the new
// generation, where its image has one; else, for elements that are a single value,
// one that is the same for the collector.
func (m *goauditMover) elem(op *goauditMoveOp, body []goauditMoveOp) *_type {
	p := uintptr(m.r.toBase + op.typ)
	if op.typ != 0 && p-uintptr(m.r.toLo) < uintptr(m.r.toHi-m.r.toLo) && p%goarch.PtrSize == 0 {
		t := (*_type)(unsafe.Pointer(p))
		if uint64(t.Size_) == op.size {
			if c := m.to.typemap[goauditTypeKey(m.to, t)]; c != nil {
				return c
			}
			return t
		}
	}
	if len(body) == 0 || body[0].body+1 != op.body {
		return nil
	}
	var like any
	switch body[0].kind {
	case goauditMoveString:
		like = ""
	case goauditMoveSlice:
		like = []string(nil)
	case goauditMovePointer, goauditMoveMap, goauditMoveChan, goauditMoveFunc:
		like = unsafe.Pointer(nil)
	case goauditMoveEface, goauditMoveIface:
		like = [1]any{}
	default:
		return nil
	}
	t := efaceOf(&like)._type
	if uint64(t.Size_) != op.size {
		return nil
	}
	return t
}

// goauditDynamic returns the type of the value in an interface.
func goauditDynamic(kind uint64, w uintptr) (typ *_type, inter uintptr) {
	if kind == goauditMoveEface {
		return (*_type)(unsafe.Pointer(w)), 0
	}
	i, t := goauditItabPair((*itab)(unsafe.Pointer(w)))
	return t, uintptr(unsafe.Pointer(i))
}

func (m *goauditMover) checkInterface(kind uint64, p, to uintptr) bool {
	w := goauditLoad(p)
	if w == 0 {
		return true
	}
	typ, inter := goauditDynamic(kind, w)
	if m.in(uintptr(unsafe.Pointer(typ))) || m.in(inter) || m.in(w) {
		t := m.refuse(p)
		t.str("value of type ")
		t.str(toRType(typ).string())
		if m.in(uintptr(unsafe.Pointer(typ))) {
			t.str(", which is made by the old build")
		} else {
			t.str(" in an interface that is made by the old build")
		}
		return false
	}
	d := goauditLoad(p + goarch.PtrSize)
	if !m.in(d) {
		return m.trace.iface(m, p)
	}
	if goauditConstant(typ) || m.sentinel(typ, d) != nil {
		return true
	}
	t := m.refuse(p)
	t.str("value of type ")
	t.str(toRType(typ).string())
	t.str(" that is a variable of the old build")
	return false
}

// goauditConstant: is a value of typ a number or a string?  In an interface it never
// changes, and has no address that anybody could know.
func goauditConstant(typ *_type) bool {
	k := typ.Kind()
	return k >= abi.Bool && k <= abi.Complex128 || k == abi.String
}

// sentinel returns the words of the new generation's variable for an error value
// that errors.New has made at link time for the old one: such a value is known by
// its address, and the new generation has one of its own for the same variable.
func (m *goauditMover) sentinel(typ *_type, d uintptr) *[2]uintptr {
	if toRType(typ).string() != "*errors.errorString" {
		return nil
	}
	r := m.r
	ops := unsafe.Slice(r.ops, r.nops)
	for _, v := range unsafe.Slice(r.vars, r.nvars) {
		if v.ops != 1 || ops[v.op].kind != goauditMoveIface {
			continue
		}
		a := (*[2]uintptr)(unsafe.Pointer(uintptr(r.fromBase + v.from)))
		b := (*[2]uintptr)(unsafe.Pointer(uintptr(r.toBase + v.to)))
		if a[1] != d || a[0] != b[0] || b[1]-uintptr(r.toLo) >= uintptr(r.toHi-r.toLo) {
			continue
		}
		if *(*string)(unsafe.Pointer(d)) == *(*string)(unsafe.Pointer(b[1])) {
			return b
		}
	}
	return nil
}

// copy does what check has found to be possible.  Constants in interfaces of the
// new generation are looked up in variables that may have been written already;
// those have got their own words then.
func (m *goauditMover) copy(ops []goauditMoveOp, from, to uintptr) bool {
	for i := 0; i < len(ops); i++ {
		op := &ops[i]
		body := ops[i+1 : i+1+int(op.body)]
		p, q := from+uintptr(op.offset), to+uintptr(op.offset)
		switch op.kind {
		case goauditMoveCopy:
			memmove(unsafe.Pointer(q), unsafe.Pointer(p), uintptr(op.size))
		case goauditMoveString:
			m.words(p, q, 2)
			m.copyString(q)
		case goauditMoveSlice:
			m.words(p, q, 3)
			m.copySlice(op, body, q)
		case goauditMoveLoop:
			for j := uintptr(0); j < uintptr(op.count); j++ {
				m.copy(body, p+j*uintptr(op.size), q+j*uintptr(op.size))
			}
		case goauditMoveEface, goauditMoveIface:
			m.copyInterface(op.kind, p, q)
		case goauditMoveIdle:
		default:
			m.words(p, q, 1)
		}
		i += int(op.body)
	}
	return true
}

func (m *goauditMover) words(p, q, n uintptr) {
	for i := uintptr(0); i < n*goarch.PtrSize; i += goarch.PtrSize {
		*(*uintptr)(unsafe.Pointer(q + i)) = goauditLoad(p + i)
	}
}

// clone copies n bytes to the heap.
func (m *goauditMover) clone(at, n uintptr, typ *_type) uintptr {
	to := mallocgc(n, typ, typ != nil)
	memmove(to, unsafe.Pointer(at), n)
	m.r.cloned += uint64(n)
	return uintptr(to)
}

func (m *goauditMover) copyString(q uintptr) {
	if s, n := goauditLoad(q), goauditLoad(q+goarch.PtrSize); n == 0 {
		*(*uintptr)(unsafe.Pointer(q)) = 0
	} else if m.in(s) {
		*(*uintptr)(unsafe.Pointer(q)) = m.clone(s, n, nil)
	}
}

func (m *goauditMover) copySlice(op *goauditMoveOp, body []goauditMoveOp, q uintptr) {
	at, c := goauditLoad(q), goauditLoad(q+2*goarch.PtrSize)
	if !m.in(at) {
		return
	}
	size := uintptr(op.size)
	if c == 0 || size == 0 {
		*(*uintptr)(unsafe.Pointer(q)) = uintptr(unsafe.Pointer(&zerobase))
		return
	}
	var x *goauditClone
	for i := range m.clones {
		if m.clones[i].lo == at {
			x = &m.clones[i]
		}
	}
	if x.to == 0 {
		var typ *_type
		if op.flags&goauditMovePlain == 0 {
			typ = m.elem(op, body)
		}
		x.to = m.clone(at, c*size, typ)
		for j := uintptr(0); j < c && typ != nil; j++ {
			m.copy(body, at+j*size, x.to+j*size)
		}
	}
	*(*uintptr)(unsafe.Pointer(q)) = x.to
}

func (m *goauditMover) copyInterface(kind uint64, p, q uintptr) {
	w, d := goauditLoad(p), goauditLoad(p+goarch.PtrSize)
	if w == 0 || !m.in(d) {
		m.words(p, q, 2)
		return
	}
	typ, _ := goauditDynamic(kind, w)
	if b := m.sentinel(typ, d); b != nil {
		m.words(uintptr(unsafe.Pointer(b)), q, 2)
		return
	}
	d = m.constant(d, typ)
	*(*uintptr)(unsafe.Pointer(q)) = w
	*(*uintptr)(unsafe.Pointer(q + goarch.PtrSize)) = d
}

// constant copies a number or a string, and its bytes.
func (m *goauditMover) constant(d uintptr, typ *_type) uintptr {
	if typ.Kind() != abi.String {
		return m.clone(d, uintptr(typ.Size_), nil)
	}
	d = m.clone(d, uintptr(typ.Size_), typ)
	m.copyString(d)
	return d
}
