//go:build go1.26

package runtime

// The marker.
//
// A guest may be unmapped when nothing outside of it leads to it.  The marker
// finds what does: it traces the heap from all roots but the guests' own data,
// as the collector does, and looks at every word on the way.  The collector's
// own marks would not do.  It follows pointers to objects only, and so skips
// the words by which a guest is held most often:
//
//	the type or itab word of an interface value
//	the code word of a closure
//	the allocation header: the type of an object of more than 512 bytes
//	the element type of a channel whose elements have no pointers
//	the words of a stack slot that is not known to be a pointer
//
// Marks are a bit for each 8 bytes of the arenas, in memory of their own that
// is unmapped after the proof.  The work list is a stack.  An object that is
// being traced stays on it, tagged, until all it led to has been traced; so at
// any moment the tagged entries are the path from a root to the object at hand,
// and a holder can be reported with its path at no cost.
//
// The marker runs with the world stopped or running.  No collection runs
// meanwhile and all spans are swept (goaudit_prove.go), so no object and no
// span is freed under it.  What the program writes while the marker runs is
// the business of goaudit_dirty.go.  It never trusts a word to be a pointer,
// never writes to the heap, and does not allocate.

import (
	"internal/goarch"
	"unsafe"
)

// goauditMarker is the state of a proof.
type goauditMarker struct {
	b    *goauditBatch
	self *g

	mem, memEnd uintptr // one mapping: all below is in it
	bump        uintptr // first byte of it not in use
	arenas      uintptr // table of bitmaps, by arenaIdx.l2()
	work        uintptr // the stack of entries
	n, limit    uintptr // entries in use, and room
	at          uintptr // 1 + index of the entry that is being scanned, or 0
	failed      bool    // out of room: no verdict
	late        bool    // a deadline has passed

	heapLo, heapLen uintptr // addresses that may be of the heap
	itabs           goauditItabSet

	cur     *goauditCand  // whose data is being scanned: it does not hold itself
	goid    uint64        // whose stack is being scanned
	inCall  bool          // and it is in a system call or in C
	caches  bool          // scan the caches' variables, too
	own     bool          // tracing what the guests themselves lead to
	owned   bool          // that has been done
	pending bool          // it must be done before there is a verdict
	mover   *goauditMover // it traces for a move, which has a word first
	gs      int           // how many of allgs are known
	negated uint64        // parts that are switched off, for tests

	rescues  uintptr // slots that point to bytes of a guest: from the start those
	nrescues uintptr // of objects and variables, from the end
	onStacks uintptr // those on stacks

	objects uint64
	bytes   uint64
	dirty   uint64 // bytes of pages written to meanwhile
	rounds  uint64
}

// Tags of the entries of the work list.  An address is 8-byte aligned.
const (
	goauditTagObject = iota // to be scanned
	goauditTagPath          // being traced
	goauditTagVar           // root: a variable of a module
	goauditTagStack         // root: the goroutine of this number
	goauditTagFinal         // root: finalizer or cleanup of this object
	goauditTagDirty         // root: an object that was written to meanwhile
	goauditTagQueue         // root: a queued finalizer or cleanup
	goauditTagMask
)

// What kind of word a hit is.
const (
	goauditWordPointer = iota // pointer word of an object or a variable
	goauditWordOther          // other word of an object or a variable
	goauditWordLive           // live pointer slot of a frame
	goauditWordFrame          // other slot of a frame
	goauditWordAny            // slot of a frame without a stack map
	goauditWordHeader         // allocation header
	goauditWordCode           // first word of an object without pointers
	goauditWordChan           // element type of a channel without pointers
	goauditWordFinal          // function or type of a finalizer or cleanup
)

// Bitmaps of one arena.
const (
	goauditBitMarked   = iota
	goauditBitPointers // of this object only pointers count
	goauditBitHidden   // this object is not looked at
	goauditBitOwn      // a guest's own variables lead to it
	goauditBitmaps

	goauditBitmapBytes = heapArenaBytes / goarch.PtrSize / 8
)

const goauditMaxRescues = 1 << 16

var goauditMark goauditMarker

func goauditLoad(p uintptr) uintptr { return *(*uintptr)(unsafe.Pointer(p)) }

// start gets the marker's memory.  The stack has room for an entry for each
// word of the heap as it is now, and half as much again; pages never touched
// cost nothing.  The world is stopped, or mheap_.lock held.
func (k *goauditMarker) start(b *goauditBatch, self *g) bool {
	*k = goauditMarker{b: b, self: self, negated: b.flags}
	lo, hi, mapped := ^uintptr(0), uintptr(0), uintptr(0)
	for _, ai := range goauditArenas() {
		base := arenaBase(ai)
		lo, hi = min(lo, base), max(hi, base+heapArenaBytes)
		mapped += heapArenaBytes
	}
	// the heap may grow meanwhile; see grown
	k.heapLo, k.heapLen = lo, hi-lo+64<<30
	table := uintptr(len(mheap_.arenas[0])) * goarch.PtrSize
	bitmaps := (uintptr(len(goauditArenas()))*2 + 64) * goauditBitmaps * goauditBitmapBytes
	rescues := uintptr(goauditMaxRescues) * unsafe.Sizeof(goauditRescue{})
	stack := mapped + mapped/2
	size := alignUp(table+bitmaps+rescues+stack+goauditItabSetBytes, physPageSize)
	p, err := mmap(nil, size, _PROT_READ|_PROT_WRITE, _MAP_ANON|_MAP_PRIVATE|goauditMapNoReserve, -1, 0)
	if err != 0 {
		return false
	}
	k.mem, k.memEnd = uintptr(p), uintptr(p)+size
	k.bump = k.mem
	k.arenas = k.take(table)
	k.itabs.entries = k.take(goauditItabSetBytes)
	k.rescues = k.take(rescues)
	k.work = k.take(stack)
	k.limit = stack / goarch.PtrSize
	return true
}

const goauditMapNoReserve = 0x4000

func (k *goauditMarker) take(n uintptr) uintptr {
	p := k.bump
	k.bump += n
	return p
}

func (k *goauditMarker) stop() {
	if k.mem != 0 {
		munmap(unsafe.Pointer(k.mem), k.memEnd-k.mem)
	}
	*k = goauditMarker{}
}

// bitmap returns the byte and the bit for the object at base in a bitmap.
func (k *goauditMarker) bitmap(base, which uintptr) (*uint8, uint8) {
	slot := (*uintptr)(unsafe.Pointer(k.arenas + uintptr(arenaIndex(base).l2())*goarch.PtrSize))
	if *slot == 0 {
		if k.memEnd-k.bump < goauditBitmaps*goauditBitmapBytes {
			k.failed = true
			return &goauditNoBit, 1
		}
		*slot = k.take(goauditBitmaps * goauditBitmapBytes)
	}
	n := base % heapArenaBytes / goarch.PtrSize
	return (*uint8)(unsafe.Pointer(*slot + which*goauditBitmapBytes + n/8)), 1 << (n % 8)
}

var goauditNoBit uint8

func (k *goauditMarker) marked(base uintptr) bool {
	b, m := k.bitmap(base, goauditBitMarked)
	return *b&m != 0
}

func (k *goauditMarker) push(e uintptr) {
	if k.n >= k.limit {
		k.failed = true
		return
	}
	*(*uintptr)(unsafe.Pointer(k.work + k.n*goarch.PtrSize)) = e
	k.n++
}

// root puts a root on the work list, for the paths of what it leads to; rooted
// reports whether it led to anything new.
func (k *goauditMarker) root(e uintptr) (n uintptr) {
	n = k.n
	k.push(e)
	k.at = k.n
	return
}

func (k *goauditMarker) rooted(n uintptr) bool {
	k.at = 0
	if k.n == n+1 {
		k.n = n
	}
	return k.n != n
}

func (k *goauditMarker) entry(i uintptr) *uintptr {
	return (*uintptr)(unsafe.Pointer(k.work + i*goarch.PtrSize))
}

// goauditObject returns the span and the base of the heap object p lies in.
func goauditObject(p uintptr) (s *mspan, base uintptr) {
	s = spanOf(p)
	if s == nil || s.state.get() != mSpanInUse || p < s.base() || p >= s.limit {
		return nil, 0
	}
	return s, s.base() + s.objIndex(p)*s.elemsize
}

// ptr marks the object p points to, if any, and puts it on the work list.
func (k *goauditMarker) ptr(p uintptr, conservative bool) {
	if p-k.heapLo >= k.heapLen {
		return
	}
	s, base := goauditObject(p)
	if s == nil || conservative && s.isFree(s.objIndex(p)) {
		return
	}
	if k.own && k.marked(base) {
		return
	}
	which := uintptr(goauditBitMarked)
	if k.own {
		which = goauditBitOwn
	}
	b, m := k.bitmap(base, which)
	if *b&m != 0 {
		return
	}
	if h, m := k.bitmap(base, goauditBitHidden); *h&m != 0 {
		return
	}
	*b |= m
	k.objects++
	k.bytes += uint64(s.elemsize)
	if s.spanclass.noscan() {
		k.scanNoPointers(s, base)
	} else {
		k.push(base)
	}
}

// note sets a bit of the object p points to.
func (k *goauditMarker) note(p unsafe.Pointer, which uintptr) {
	if s, base := goauditObject(uintptr(p)); s != nil {
		b, m := k.bitmap(base, which)
		*b |= m
	}
}

// drain traces until the work list is empty, or until the time is over.
func (k *goauditMarker) drain(deadline int64) bool {
	for i := 1; k.n != 0 && !k.failed; i++ {
		if deadline != 0 && (k.late || i%256 == 0 && nanotime() > deadline) {
			k.late = true
			return false
		}
		top := k.entry(k.n - 1)
		if *top&goauditTagMask != goauditTagObject {
			k.n--
			continue
		}
		base, n := *top, k.n
		*top |= goauditTagPath
		k.at = n
		k.scan(spanOf(base), base, base, ^uintptr(0))
		k.at = 0
		if k.n == n {
			k.n--
		}
	}
	return true
}

// scan looks at the words of an object that lie in [lo, hi).  Of those that are
// no pointers only two may matter: the first, which may be the code word of a
// closure, and one before a pointer, which may be the type word of an interface.
// The rest is numbers, or what a former object has left behind the end of this
// one.  An interface may lie across lo.
func (k *goauditMarker) scan(s *mspan, base, lo, hi uintptr) {
	b, m := k.bitmap(base, goauditBitPointers)
	all := *b&m == 0
	lo, hi = max(lo, base), min(hi, base+s.elemsize)
	if heapBitsInSpan(s.elemsize) {
		lo = max(base, lo-goarch.PtrSize)
		mask := s.heapBitsSmallForAddr(base) >> ((lo - base) / goarch.PtrSize)
		for p := lo; p < hi && mask != 0; p += goarch.PtrSize {
			if mask&1 != 0 {
				k.pointerWord(goauditLoad(p), p)
			} else if all && (mask&2 != 0 || p == base) {
				k.otherWord(goauditLoad(p), p)
			}
			mask >>= 1
		}
		return
	}
	first := base
	if s.spanclass.sizeclass() != 0 {
		first += goauditPtrSize
	}
	if lo == base && k.negated&goauditNoHeaders == 0 {
		k.word(goauditHeader(s, base), base, goauditWordHeader)
	}
	tp := s.typePointersOfUnchecked(base)
	if tp.typ == nil {
		return
	}
	if all && lo <= first {
		k.otherWord(goauditLoad(first), first)
	}
	prev := max(lo-goarch.PtrSize, first)
	if lo > first {
		tp = tp.fastForward(lo-tp.addr, hi)
	}
	for {
		var p uintptr
		if tp, p = tp.nextFast(); p == 0 {
			if tp, p = tp.next(hi); p == 0 {
				return // what follows has no pointers, so no interfaces or functions
			}
		}
		if all && p-goarch.PtrSize >= prev {
			k.otherWord(goauditLoad(p-goarch.PtrSize), p-goarch.PtrSize)
		}
		prev = p + goarch.PtrSize
		k.pointerWord(goauditLoad(p), p)
	}
}

// goauditHeader returns the address of the type of an object whose span has
// no bitmap, or 0.
func goauditHeader(s *mspan, base uintptr) uintptr {
	if s.spanclass.noscan() || heapBitsInSpan(s.elemsize) {
		return 0
	}
	if s.spanclass.sizeclass() != 0 {
		return goauditLoad(base)
	}
	return uintptr(unsafe.Pointer(s.largeType))
}

// scanNoPointers looks at an object without pointers: it may be a closure that
// has captured numbers, or a channel of them.
func (k *goauditMarker) scanNoPointers(s *mspan, base uintptr) {
	if s.elemsize < 2*goarch.PtrSize {
		return // closures without captures are static
	}
	// Anything else there is a number, or what a former object has left.
	w := goauditLoad(base)
	if w-k.b.lo < k.b.hi-k.b.lo && k.negated&goauditNoClosures == 0 {
		if f := findfunc(w); f.valid() && f.entry() == w {
			k.word(w, base, goauditWordCode)
		}
	}
	if s.elemsize < hchanSize {
		return
	}
	c := (*hchan)(unsafe.Pointer(base))
	t := uintptr(unsafe.Pointer(c.elemtype))
	buf := uintptr(c.buf)
	if (buf == base+hchanSize || buf == base+unsafe.Offsetof(c.buf)) && k.negated&goauditNoChans == 0 {
		k.word(t, base+unsafe.Offsetof(c.elemtype), goauditWordChan)
	}
}

func (k *goauditMarker) pointerWord(w, slot uintptr) {
	if w-k.heapLo < k.heapLen {
		k.ptr(w, false)
	} else if k.negated&goauditNoPointers == 0 {
		k.word(w, slot, goauditWordPointer)
	}
}

// otherWord is for a word that the collector does not look at.  If it is the
// address of a type that reflect has made, the type is traced.
func (k *goauditMarker) otherWord(w, slot uintptr) {
	if k.negated&goauditNoTypeWords != 0 {
		return
	}
	if w-k.heapLo < k.heapLen {
		k.madeType(w)
	} else {
		k.word(w, slot, goauditWordOther)
	}
}

// madeType marks the object at w if it looks like a type descriptor.
func (k *goauditMarker) madeType(w uintptr) {
	s, base := goauditObject(w)
	if s == nil || s.spanclass.noscan() || s.elemsize < unsafe.Sizeof(_type{}) {
		return
	}
	if goauditHeader(s, base) != 0 && s.spanclass.sizeclass() != 0 {
		base += goauditPtrSize
	}
	if w == base && goauditLikeType(w) {
		k.ptr(w, true)
	}
}

// word tests a word against the guests and the itabs made for them.
func (k *goauditMarker) word(w, slot uintptr, kind int) {
	if k.own {
		return
	}
	if w-k.b.lo < k.b.hi-k.b.lo {
		if c := k.b.of(w); c != nil && c != k.cur {
			k.hit(c, w, slot, kind)
		}
	} else if w-k.itabs.lo < k.itabs.len {
		if c := k.itabs.find(w); c != nil && c != k.cur {
			k.hold(c, w, slot, kind)
		}
	}
}

// goauditItabSet is the set of itabs that getitab has made for types of the
// guests.  They lie in memory that is never freed, outside of the guests.
type goauditItabSet struct {
	entries uintptr
	n       uintptr
	lo, len uintptr
}

const (
	goauditItabSetSize  = 1 << 16
	goauditItabSetBytes = goauditItabSetSize * 16
)

func (t *goauditItabSet) slot(w uintptr) *[2]uintptr {
	for h := w >> 3 * 0x9e3779b1 >> 4; ; h++ {
		e := (*[2]uintptr)(unsafe.Pointer(t.entries + h%goauditItabSetSize*16))
		if e[0] == w || e[0] == 0 {
			return e
		}
	}
}

func (t *goauditItabSet) find(w uintptr) *goauditCand {
	return goauditMark.b.of(t.slot(w)[1])
}

// add reports whether w is new.
func (t *goauditItabSet) add(w uintptr, c *goauditCand) bool {
	e := t.slot(w)
	if e[0] != 0 || t.n >= goauditItabSetSize/2 {
		return false
	}
	e[0], e[1] = w, c.lo
	t.n++
	if t.n == 1 {
		t.lo, t.len = w, 1
	} else if w < t.lo {
		t.lo, t.len = w, t.len+t.lo-w
	} else {
		t.len = max(t.len, w-t.lo+1)
	}
	return true
}

// findItabs takes note of the itabs made for the guests since the last time.
// Making one takes a type of the guest in hand; so if there is a new one after
// marking has begun, the guest was in use then.  The world is stopped.
func (k *goauditMarker) findItabs(first bool) {
	t := itabTable
	for i := uintptr(0); i < t.size; i++ {
		m := *(**itab)(add(unsafe.Pointer(&t.entries), i*goarch.PtrSize))
		if m == nil || k.b.of(uintptr(unsafe.Pointer(m))) != nil {
			continue
		}
		c := k.b.itabOwner(m)
		if c == nil {
			continue
		}
		full := k.itabs.n >= goauditItabSetSize/2
		if (k.itabs.add(uintptr(unsafe.Pointer(m)), c) && !first || full) && c.req.verdict != goauditHeld {
			k.b.soon = true
			x := k.b.hold(c, goauditBusy, 0)
			x.str("an interface conversion of its types during the check")
		}
	}
}

// itabOwner returns the guest that m has a type of.
func (b *goauditBatch) itabOwner(m *itab) *goauditCand {
	inter, typ := goauditItabPair(m)
	if c := b.of(uintptr(unsafe.Pointer(inter))); c != nil {
		return c
	}
	if c := b.of(uintptr(unsafe.Pointer(typ))); c != nil {
		return c
	}
	if spanOf(uintptr(unsafe.Pointer(typ))) == nil {
		return nil
	}
	for i := range b.cands { // a type made by reflect
		one := goauditBatch{cands: b.cands[i : i+1 : i+1], lo: b.cands[i].lo, hi: b.cands[i].hi}
		if one.mentions(typ) {
			return &b.cands[i]
		}
	}
	return nil
}
