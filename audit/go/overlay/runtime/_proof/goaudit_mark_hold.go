//go:build go1.26

package runtime

// What a word that leads into a guest means, and how it is reported.
//
// Not each such word holds the guest.  Bytes of its read-only data (strings)
// can be copied; a word among pointer-free words may be a number, or a program
// counter that a profile has kept; a dead slot of a frame may have any old
// value, but the type word of a live interface has no pointer bit either, so a
// slot that has the exact address of a type or an itab counts.
//
// A holder is reported as "what <- step <- step": what in the guest is reached,
// then the objects on the way back to a root, then the root, unless it is a
// variable: variables have no names at run time, so its address is returned
// for the caller to look up.

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

const goauditMaxSteps = 6

// hit judges the word w, found at slot, that leads into c.
func (k *goauditMarker) hit(c *goauditCand, w, slot uintptr, kind int) {
	md := c.md
	if k.mover != nil && k.mover.takes(c, w, slot, kind) {
		return
	}
	switch {
	case w == c.lo: // who registers a guest has this in hand; nothing of Go is there
		return
	case c.bytes(w):
		switch kind {
		case goauditWordPointer, goauditWordLive:
			if k.negated&goauditNoStrings != 0 {
				return
			}
			if !(k.inCall && kind == goauditWordLive) && k.noteRescue(c, slot) {
				return
			}
		case goauditWordAny:
			// may be a string in a register
		default:
			return
		}
	case w-md.text < md.etext-md.text:
		switch kind {
		case goauditWordFrame:
			return
		case goauditWordOther, goauditWordCode:
			if f := findfunc(w); f.valid() && f.entry() != w {
				return
			}
		}
	case kind == goauditWordFrame && !c.isType(w):
		return
	}
	k.hold(c, w, slot, kind)
}

// bytes: does w lie in read-only data without pointers?
func (c *goauditCand) bytes(w uintptr) bool {
	for i := range c.ro {
		if w-c.ro[i].lo < c.ro[i].hi-c.ro[i].lo {
			return true
		}
	}
	return false
}

// isType: is w the address of a type or an itab of c?
func (c *goauditCand) isType(w uintptr) bool {
	md := c.md
	if w-md.types >= md.etypes-md.types || w%goarch.PtrSize != 0 {
		return false
	}
	if w+unsafe.Sizeof(_type{}) <= md.etypes && goauditLikeType(w) {
		return true
	}
	is := false
	goauditEachItab(md, func(m *itab) {
		is = is || uintptr(unsafe.Pointer(m)) == w
	})
	return is
}

// goauditLikeType: may there be a type descriptor at p?
func goauditLikeType(p uintptr) bool {
	t := (*_type)(unsafe.Pointer(p))
	return t.Kind() > 0 && t.Kind() <= abi.UnsafePointer && t.Size_ < 1<<40 &&
		t.PtrBytes <= t.Size_ && t.Align_ != 0 && t.Align_ <= 64 && t.Align_&(t.Align_-1) == 0 &&
		t.FieldAlign_ != 0 && t.FieldAlign_ <= 64 && t.Hash != 0 && t.Str != 0
}

// hold notes that c is held by the word w at slot.
func (k *goauditMarker) hold(c *goauditCand, w, slot uintptr, kind int) {
	r := c.req
	if r.held == nil && r.verdict == goauditHeld || r.held != nil && r.nheld >= goauditMaxHeld {
		return
	}
	var one goauditHeldReq
	h := &one
	if r.held != nil {
		h = (*goauditHeldReq)(add(unsafe.Pointer(r.held), uintptr(r.nheld)*unsafe.Sizeof(one)))
		r.nheld++
	}
	h.goroutine, h.variable, h.target = k.goid, 0, 0
	t := goauditText{buf: h.text[:]}
	h.kind = c.describe(&t, w, kind)
	if c.of(w) {
		h.target = uint64(w)
	}
	k.path(&t, h, slot)
	if r.verdict != goauditHeld {
		r.verdict, r.holder, r.goroutine, r.variable = goauditHeld, h.kind, h.goroutine, h.variable
		s := goauditText{buf: r.text[:]}
		s.str(gostringnocopy(&h.text[0]))
	}
}

// describe writes what the word w leads to, and returns the kind of holder.
func (c *goauditCand) describe(t *goauditText, w uintptr, kind int) (holder uint64) {
	holder = goauditPointer
	fn := w
	f := findfunc(fn)
	if !f.valid() && w%goarch.PtrSize == 0 && w+goarch.PtrSize <= c.hi && w >= c.lo {
		fn = goauditLoad(w)
		if f = findfunc(fn); f.valid() && f.entry() != fn {
			f = funcInfo{}
		}
	}
	if f.valid() {
		holder = goauditFunc
		t.str("func ")
		t.fn(f, f.entry())
	} else if c.of(w) && c.bytes(w) {
		holder = goauditString
		t.str("string \"")
		t.str(unsafe.String((*byte)(unsafe.Pointer(w)), min(24, c.roEnd(w)-w)))
		t.str("\"")
	} else if typ := c.typeAt(w); typ != nil {
		holder = goauditType
		t.str("type ")
		t.str(toRType(typ).string())
	} else {
		t.str("variable of the module")
	}
	switch kind {
	case goauditWordHeader:
		holder = goauditObjectOf
	case goauditWordChan:
		holder = goauditChan
	case goauditWordLive, goauditWordFrame, goauditWordAny:
		holder = goauditStack
	case goauditWordFinal:
		holder = goauditFinal
	}
	return
}

func (c *goauditCand) of(w uintptr) bool { return w-c.lo < c.hi-c.lo }

func (c *goauditCand) roEnd(w uintptr) uintptr {
	for i := range c.ro {
		if w-c.ro[i].lo < c.ro[i].hi-c.ro[i].lo {
			return c.ro[i].hi
		}
	}
	return w
}

// typeAt returns the type that w is the address of, or whose itab.
func (c *goauditCand) typeAt(w uintptr) *_type {
	if !c.of(w) { // an itab made for it
		_, typ := goauditItabPair((*itab)(unsafe.Pointer(w)))
		return typ
	}
	if typ := goauditTypeAt(c.md, w); typ != nil {
		return typ
	}
	if w-c.md.types < c.md.etypes-c.md.types && c.isType(w) && (*_type)(unsafe.Pointer(w)).Str > 0 {
		return (*_type)(unsafe.Pointer(w))
	}
	return nil
}

// path writes the way back from slot to a root.
func (k *goauditMarker) path(t *goauditText, h *goauditHeldReq, slot uintptr) {
	child := slot
	if s, base := goauditObject(slot); s != nil && slot-k.heapLo < k.heapLen {
		k.step(t, s, base, slot-base)
		child = base
	}
	steps := 1
	for i := k.at; i > 0; i-- {
		e := *k.entry(i - 1)
		p := e &^ goauditTagMask
		switch e & goauditTagMask {
		case goauditTagObject:
			continue
		case goauditTagPath:
			if p == child {
				continue
			}
			if steps++; steps == goauditMaxSteps {
				t.str(" <- ...")
			}
			if steps < goauditMaxSteps {
				s, base := goauditObject(p)
				k.step(t, s, base, goauditFindSlot(s, base, child))
			}
			child = p
			continue
		case goauditTagVar:
			h.variable = uint64(p)
		case goauditTagStack:
			h.goroutine = uint64(p) >> 3
		case goauditTagFinal:
			t.str(" <- finalizer or cleanup")
		case goauditTagQueue:
			t.str(" <- finalizer queue")
		case goauditTagDirty:
			t.str(" <- (written during the check)")
		}
		break
	}
	if h.goroutine != 0 {
		t.str(" <- goroutine ")
		t.num(int(h.goroutine))
	}
}

// step writes one object of a path.
func (k *goauditMarker) step(t *goauditText, s *mspan, base, off uintptr) {
	t.str(" <- heap object ")
	t.num(int(s.elemsize))
	t.str(" B")
	if typ := (*_type)(unsafe.Pointer(goauditHeader(s, base))); typ != nil && typ.Str > 0 {
		t.str(" of ")
		t.str(toRType(typ).string())
	}
	if off != ^uintptr(0) {
		t.str(" +")
		t.num(int(off))
	}
}

// goauditFindSlot returns the offset of a word of the object that points into
// the object at child.
func goauditFindSlot(s *mspan, base, child uintptr) uintptr {
	cs, cbase := goauditObject(child)
	if cs == nil {
		return ^uintptr(0)
	}
	for off := uintptr(0); off < s.elemsize; off += goarch.PtrSize {
		if goauditLoad(base+off)-cbase < cs.elemsize {
			return off
		}
	}
	return ^uintptr(0)
}
