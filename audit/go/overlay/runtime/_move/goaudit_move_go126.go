//go:build go1.26

package runtime

// What moved variables lead to, traced by the marker of the proof.

import (
	"internal/goarch"
	"unsafe"
)

// goauditMoveTrace is the marker's part of a move.
type goauditMoveTrace struct {
	req   goauditModuleReq // what the marker has found in the way
	batch *goauditBatch
	// objects whose header is a type of the old generation, and their new one
	headers   []goauditMoveHeader
	constants []uintptr // data words of interfaces that point to constants of it
}

type goauditMoveHeader struct{ base, typ uintptr }

// start gets the marker ready.  The world is stopped.
func (t *goauditMoveTrace) start(m *goauditMover, md *moduledata) {
	t.req = goauditModuleReq{}
	t.headers, t.constants = t.headers[:0], t.constants[:0]
	t.batch = &goauditBatch{cands: make([]goauditCand, 1)}
	b := t.batch
	b.cands[0] = goauditCand{req: &t.req, md: md, lo: m.lo, hi: m.hi}
	b.bound()
	b.cands[0].findBytes()
	k := &goauditMark
	systemstack(func() {
		if k.start(b, getg().m.curg) {
			k.mover = m
			k.tables()
			k.findItabs(true)
			k.threads()
		}
	})
}

// threads hides what leads to everything: it belongs to no object.
func (k *goauditMarker) threads() {
	for _, gp := range allgs {
		k.note(unsafe.Pointer(gp), goauditBitHidden)
	}
	for mp := allm; mp != nil; mp = mp.alllink {
		k.note(unsafe.Pointer(mp), goauditBitHidden)
		k.note(unsafe.Pointer(mp.g0), goauditBitHidden)
		k.note(unsafe.Pointer(mp.gsignal), goauditBitHidden)
	}
	for _, pp := range allp {
		k.note(unsafe.Pointer(pp), goauditBitHidden)
	}
}

func (t *goauditMoveTrace) stop(m *goauditMover, ok bool) {
	k := &goauditMark
	m.r.objects = k.objects
	k.stop()
	if !ok {
		return
	}
	for _, h := range t.headers {
		if s, _ := goauditObject(h.base); s.spanclass.sizeclass() != 0 {
			*(*uintptr)(unsafe.Pointer(h.base)) = h.typ
		} else {
			s.largeType = (*_type)(unsafe.Pointer(h.typ))
		}
	}
	m.r.retyped = uint64(len(t.headers))
	for _, slot := range t.constants {
		typ := (*_type)(unsafe.Pointer(goauditLoad(slot - goarch.PtrSize)))
		*(*uintptr)(unsafe.Pointer(slot)) = m.constant(goauditLoad(slot), typ)
	}
}

// lead traces from the word at p.
func (t *goauditMoveTrace) lead(m *goauditMover, p uintptr) bool {
	return t.from(m, p, false)
}

func (t *goauditMoveTrace) slice(m *goauditMover, op *goauditMoveOp, p uintptr) bool {
	return t.from(m, p, false)
}

// iface traces an interface: its type may be one that reflect has made.
func (t *goauditMoveTrace) iface(m *goauditMover, p uintptr) bool {
	return t.from(m, p, true) && t.from(m, p+goarch.PtrSize, false)
}

func (t *goauditMoveTrace) from(m *goauditMover, p uintptr, typeWord bool) bool {
	k := &goauditMark
	if k.mem == 0 {
		return m.no(p, "no memory for the check")
	}
	n := k.root(p | goauditTagVar)
	if typeWord {
		k.otherWord(goauditLoad(p), p)
	} else {
		k.pointerWord(goauditLoad(p), p)
	}
	if k.rooted(n) {
		k.drain(0)
	}
	if k.failed {
		return m.no(p, "no room for the check")
	}
	if t.req.verdict != goauditHeld {
		return true
	}
	x := m.refuse(p)
	x.str(gostringnocopy(&t.req.text[0]))
	return false
}

// takes reports whether the word w, which leads into the old generation, is not
// in the way of a move.
func (m *goauditMover) takes(c *goauditCand, w, slot uintptr, kind int) bool {
	switch {
	case c.bytes(w):
		return kind == goauditWordPointer
	case kind == goauditWordPointer && goauditHoldsConstant(c.md, w, slot):
		m.trace.constants = append(m.trace.constants, slot)
		return true
	case kind != goauditWordHeader:
		return false
	}
	typ := m.newType(w)
	if typ == 0 {
		return false
	}
	m.trace.headers = append(m.trace.headers, goauditMoveHeader{slot, typ})
	return true
}

// goauditHoldsConstant: is the word w at slot the data word of an interface whose
// value is a constant of md?  What is read-only has no address that matters, and
// shares its section with the types; a string or a number of the library's type
// there is a constant.
func goauditHoldsConstant(md *moduledata, w, slot uintptr) bool {
	_, base := goauditObject(slot)
	if w-md.types >= md.etypes-md.types || base == 0 || slot == base {
		return false
	}
	std := &firstmoduledata
	t := goauditLoad(slot - goarch.PtrSize)
	return t-std.types < std.etypes-std.types && t%goarch.PtrSize == 0 && goauditLikeType(t) &&
		goauditConstant((*_type)(unsafe.Pointer(t)))
}

// newType returns the new generation's type for one of the old one, or 0.
func (m *goauditMover) newType(w uintptr) uintptr {
	r := m.r
	types := unsafe.Slice(r.types, r.ntypes)
	for lo, hi := 0, len(types); lo < hi; {
		mid := (lo + hi) / 2
		switch from := uintptr(r.fromBase + types[mid].from); {
		case from < w:
			lo = mid + 1
		case from > w:
			hi = mid
		default:
			to := uintptr(r.toBase + types[mid].to)
			if to-uintptr(r.toLo) >= uintptr(r.toHi-r.toLo) || !goauditLikeType(to) || !goauditSameLayout(w, to) {
				return 0
			}
			return to
		}
	}
	return 0
}

// goauditSameLayout: are the types at p and q the same for the collector?
func goauditSameLayout(p, q uintptr) bool {
	a, b := (*_type)(unsafe.Pointer(p)), (*_type)(unsafe.Pointer(q))
	return a.Size_ == b.Size_ && a.PtrBytes == b.PtrBytes && a.Kind() == b.Kind() &&
		a.Hash == b.Hash && toRType(a).string() == toRType(b).string()
}
