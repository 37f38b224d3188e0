//go:build go1.26

package runtime

// Strings that outlive their guest.
//
// A string constant of a guest may be kept by anybody: in os.Environ, as a map
// key, as the name of a file.  It is only bytes, without pointers, and nobody
// compares strings by address.  So instead of holding the guest, the bytes are
// copied to the heap, and each slot that points to the originals is redirected
// when the guest is unlinked.  The length of a string is not known from the
// slot alone (it may point into the middle of one), so a copy goes from the
// lowest address in use to the end of the section; the collector frees it with
// the last slot that points there.
//
// Only slots that are known to be pointers can be redirected.  A word of a frame
// without stack map, or one that the kernel may be reading for a system call,
// holds the guest until the goroutine has gone on.

import "unsafe"

// goauditRescue is a slot that points to bytes of the guest mapped at lo.
type goauditRescue struct{ slot, lo uintptr }

// goauditBytes is a read-only section without pointers, and its copy.
type goauditBytes struct {
	lo, hi uintptr
	from   uintptr        // start of what is copied
	copied unsafe.Pointer // or nil
}

// findBytes notes c's sections of bytes: read-only data up to the tables of
// functions, and of those the names, which runtime.Func hands out.
func (c *goauditCand) findBytes() {
	md := c.md
	of := func(b []byte) (uintptr, uintptr) {
		p := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		return p, p + uintptr(len(b))
	}
	c.ro = [3]goauditBytes{}
	c.ro[0].lo, c.ro[0].hi = md.rodata, uintptr(unsafe.Pointer(md.pcHeader))
	if md.pcHeader == nil || c.ro[0].hi < md.rodata || c.ro[0].hi > c.hi {
		c.ro[0] = goauditBytes{}
	}
	c.ro[1].lo, c.ro[1].hi = of(md.funcnametab)
	c.ro[2].lo, c.ro[2].hi = of(md.filetab)
}

func (k *goauditMarker) rescueAt(i uintptr) *goauditRescue {
	return (*goauditRescue)(unsafe.Pointer(k.rescues + i*unsafe.Sizeof(goauditRescue{})))
}

// noteRescue takes note of a slot to be redirected; it reports false if there
// is no room, and the guest is held then.
func (k *goauditMarker) noteRescue(c *goauditCand, slot uintptr) bool {
	if k.nrescues+k.onStacks >= goauditMaxRescues {
		return false
	}
	i := k.nrescues
	if k.goid != 0 { // valid in this stop only
		k.onStacks++
		i = goauditMaxRescues - k.onStacks
	} else {
		k.nrescues++
	}
	*k.rescueAt(i) = goauditRescue{slot, c.lo}
	return true
}

// eachRescue calls fn for the slots that still point to bytes of a candidate.
func (k *goauditMarker) eachRescue(fn func(b *goauditBytes, slot *uintptr)) {
	for i := uintptr(0); i < goauditMaxRescues; i++ {
		if i == k.nrescues {
			i = goauditMaxRescues - k.onStacks
			if i == goauditMaxRescues {
				break
			}
		}
		r := k.rescueAt(i)
		c := k.b.of(r.lo)
		if c == nil {
			continue
		}
		slot := (*uintptr)(unsafe.Pointer(r.slot))
		for j := range c.ro {
			if b := &c.ro[j]; *slot-b.lo < b.hi-b.lo {
				fn(b, slot)
			}
		}
	}
}

// copyBytes makes the copies.  With the world running it does so ahead of time
// for the slots known by then: the sections do not change.
func (k *goauditMarker) copyBytes() {
	for i := range k.b.cands {
		for j := range k.b.cands[i].ro {
			k.b.cands[i].ro[j].from = ^uintptr(0)
		}
	}
	running := k.onStacks
	k.eachRescue(func(b *goauditBytes, slot *uintptr) {
		b.from = min(b.from, *slot)
	})
	k.onStacks = running
	for i := range k.b.cands {
		for j := range k.b.cands[i].ro {
			b := &k.b.cands[i].ro[j]
			if b.from == ^uintptr(0) || b.from-b.lo >= b.hi-b.lo {
				b.from = b.hi
				continue
			}
			n := b.hi - b.from
			b.copied = mallocgc(n, nil, false)
			memmove(b.copied, unsafe.Pointer(b.from), n)
		}
	}
}

// redirect makes the slots point to the copies.  The world is stopped.
func (k *goauditMarker) redirect() {
	short := false
	k.eachRescue(func(b *goauditBytes, slot *uintptr) {
		short = short || b.copied == nil || *slot < b.from
	})
	if short {
		k.copyBytes()
	}
	k.eachRescue(func(b *goauditBytes, slot *uintptr) {
		*slot = uintptr(b.copied) + (*slot - b.from)
	})
}
