package runtime

// The way out.
//
// A guest may be unmapped when nothing leads to it any more.  Three kinds of
// things do: what uses it (a goroutine with a frame in it, a timer that would
// call it: goaudit_check.go), what merely remembers it (caches, which are
// purged: goaudit_purge.go), and the tables of the runtime that registration
// filled.  An unlink of a batch of guests goes
//
//	stop the world   check; guests in use are held and leave the batch
//	world running    purge std's caches of the types of the rest
//	stop the world   check again, wait for who is on its way, commit
//	world running    purge again, free the masks
//
// The purge cannot be done with the world stopped, since a goroutine may have
// been stopped with a cache's lock in hand.  It is not done before the first
// check, since some of the caches are what makes types identical (reflect's
// made types, unique's maps, gob's names), and a guest that lives on needs
// them.  A guest in use costs one stop and no purge; one that turns out to be in use
// after its purge gets them back.  Before the commit, so that
// nobody finds a type of the guest in a table when the runtime has no names for
// it any more; and after, since until then somebody could put one into a cache.
//
// The commit must leave nothing behind that the collector or the runtime
// follows without asking, because the caller unmaps the guest right after:
// module list, modulesSlice, itabTable, assertion caches, sync.Pools in the
// guest's data, allocation headers, pcvalue caches, weak pointers to its variables
// (../TABLES lists what else there is).  All of this happens in the
// stop of the second check, so no goroutine can take up the guest in between.
//
// Whether something else still holds a pointer to a guest (a string constant in
// a map, a method value in a handler table) is not looked into by this check.
// With the flag goauditProve the unlink goes by goaudit_prove.go instead, and
// uses the same check, purge and commit.

import "unsafe"

// goauditCand is one guest of a batch.
type goauditCand struct {
	req    *goauditModuleReq // in C memory
	md     *moduledata
	m      *goauditModule // nil: never registered
	lo, hi uintptr        // its mapping

	ro     [3]goauditBytes // read-only sections without pointers
	ghosts []uint32        // of its functions, by index; goaudit_ghost.go
	traced bool            // held, and its variables are roots
}

// goauditBatch is the guests that are to be unlinked together.
type goauditBatch struct {
	cands   []goauditCand // those not known to be in use
	lo, hi  uintptr       // covers all of them
	gone    bool          // cands have been committed
	putOff  bool          // somebody is on its way: try again
	soon    bool          // who holds a guest is about to let go
	collect bool          // only a collection can change the verdict of one
	purged  int           // how many cands there were at the last purge
	undo    []func()      // what the purge has dropped can be put back
	stopped int64

	flags         uint64
	longest       int64 // the longest stop
	stops         uint64
	marked        uint64 // objects, and their bytes
	markedBytes   uint64
	dirty, rounds uint64
}

func goauditUnlink(p unsafe.Pointer) {
	r := (*goauditUnlinkReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	start := nanotime()
	semacquire(&goauditUnlinking)
	b := goauditMakeBatch(r)
	switch {
	case len(b.cands) == 0:
	case b.flags&goauditProve != 0:
		b.prove()
	default:
		b.checked()
	}
	b.release()
	semrelease(&goauditUnlinking)
	r.stoppedNs = uint64(b.stopped)
	r.longestNs, r.stops = uint64(b.longest), b.stops
	r.objects, r.bytes, r.dirty, r.rounds = b.marked, b.markedBytes, b.dirty, b.rounds
	r.soon = 0
	if b.soon {
		r.soon = 1
	}
	goauditWatch(r)
	if b.collect {
		gcStart(gcTrigger{kind: gcTriggerCycle, n: work.cycles.Load() + 1})
	}
	r.totalNs = uint64(nanotime() - start)
}

// checked goes without the proof.
func (b *goauditBatch) checked() {
	b.attempts(false)
	if len(b.cands) != 0 {
		b.purge()
		b.attempts(true)
	}
}

func goauditMakeBatch(r *goauditUnlinkReq) *goauditBatch {
	b := &goauditBatch{cands: make([]goauditCand, 0, r.n), flags: r.flags}
	for i := range unsafe.Slice(r.modules, r.n) {
		req := (*goauditModuleReq)(add(unsafe.Pointer(r.modules), uintptr(i)*unsafe.Sizeof(*r.modules)))
		req.verdict, req.holder, req.goroutine = goauditNotFound, goauditNoHolder, 0
		req.text[0] = 0
		req.variable, req.nheld = 0, 0
		md := goauditFind(req.lo, req.hi)
		if md == nil {
			continue
		}
		lock(&goauditLock)
		m := goauditRecord(md)
		unlock(&goauditLock)
		if m != nil && m.pinned || b.hasModule(md) {
			continue
		}
		b.cands = append(b.cands, goauditCand{req: req, md: md, m: m, lo: uintptr(req.lo), hi: uintptr(req.hi)})
	}
	b.bound()
	return b
}

func (b *goauditBatch) hasModule(md *moduledata) bool {
	for i := range b.cands {
		if b.cands[i].md == md {
			return true
		}
	}
	return false
}

func (b *goauditBatch) bound() {
	b.lo, b.hi = ^uintptr(0), 0
	for i := range b.cands {
		b.lo = min(b.lo, b.cands[i].lo)
		b.hi = max(b.hi, b.cands[i].hi)
	}
}

// of returns the guest that p lies in, or nil.
func (b *goauditBatch) of(p uintptr) *goauditCand {
	if p < b.lo || p >= b.hi {
		return nil
	}
	for i := range b.cands {
		if c := &b.cands[i]; p-c.lo < c.hi-c.lo {
			return c
		}
	}
	return nil
}

// stop stops the world and checks.  stopTheWorldGC also waits for a running
// cycle to end, so no mark phase spans a commit.
func (b *goauditBatch) stop() (w worldStop, start int64) {
	w = stopTheWorldGC(stwReadMemStats)
	start = nanotime()
	for _, pp := range allp {
		goauditDrainTimers(pp)
	}
	systemstack(func() {
		b.check()
	})
	b.dropHeld()
	return
}

func (b *goauditBatch) start(w worldStop, stopped int64) {
	startTheWorldGC(w)
	b.stood(nanotime() - stopped)
}

// stood takes note of how long a stop was.
func (b *goauditBatch) stood(ns int64) {
	b.stopped += ns
	b.longest = max(b.longest, ns)
	b.stops++
}

// attempts stops the world until nobody is on its way any more; whoever is after
// the last try holds the guests in question.
func (b *goauditBatch) attempts(commit bool) {
	for i := 1; ; i++ {
		b.attempt(i == goauditAttempts, commit)
		if !b.putOff || len(b.cands) == 0 {
			return
		}
		timeSleep(goauditAttemptNs)
	}
}

func (b *goauditBatch) attempt(last, commit bool) {
	w, stopped := b.stop()
	b.putOff = false
	systemstack(func() {
		for _, gp := range allgs {
			b.checkPassing(gp, last)
		}
	})
	b.dropHeld()
	if commit && !b.putOff && len(b.cands) != 0 {
		b.commit()
	}
	b.start(w, stopped)
}

// Attempts, and the time between them.
const (
	goauditAttempts  = 10
	goauditAttemptNs = 50_000
)

// dropHeld removes the guests that are in use.
func (b *goauditBatch) dropHeld() {
	keep := b.cands[:0]
	for _, c := range b.cands {
		if c.req.verdict != goauditHeld {
			keep = append(keep, c)
		}
	}
	clear(b.cands[len(keep):])
	b.cands = keep
	b.bound()
}

// commit takes the guests of the batch out of the runtime.  The world is
// stopped; that stands in for all locks.  Order matters in one place only: the
// module list is cut last, since all else may still ask it for names and types.
func (b *goauditBatch) commit() {
	b.drop()
	if b.flags&goauditNoGhosts == 0 {
		b.bury()
		b.leaveNames()
	}
	goauditDropCaches(b)
	goauditDropItabs(b)
	b.dropModules()
	systemstack(func() {
		if !b.proving() {
			b.scrubHeaders()
		}
		b.flushPCValues()
		b.clearImmortal()
		b.cutList()
	})
	for i := range b.cands {
		b.cands[i].req.verdict = goauditOK
	}
	b.gone = true
}

// dropModules removes the guests from modulesSlice, from the records, and
// their type maps from the pinned ones.
func (b *goauditBatch) dropModules() {
	mods := new([]*moduledata)
	*mods = make([]*moduledata, 0, len(activeModules()))
	for _, md := range activeModules() {
		if !b.hasModule(md) {
			*mods = append(*mods, md)
		}
	}
	atomicstorep(unsafe.Pointer(&modulesSlice), unsafe.Pointer(mods))

	keep := goauditModules[:0]
	for _, m := range goauditModules {
		if !b.hasModule(m.md) {
			keep = append(keep, m)
		}
	}
	clear(goauditModules[len(keep):])
	goauditModules = keep

	for i := range b.cands {
		c := &b.cands[i]
		if c.m == nil {
			continue
		}
		goauditUnpin(c.md.typemap)
		c.md.typemap = nil
		gcController.addGlobals(-int64(c.md.edata - c.md.data + c.md.ebss - c.md.bss))
	}
}

func goauditUnpin(typemap goauditTypemap) {
	// maps do not compare; their addresses do
	addr := func(m *goauditTypemap) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(m)) }
	for i := range pinnedTypemaps {
		if addr(&pinnedTypemaps[i]) == addr(&typemap) {
			last := len(pinnedTypemaps) - 1
			pinnedTypemaps[i] = pinnedTypemaps[last]
			pinnedTypemaps[last] = nil
			pinnedTypemaps = pinnedTypemaps[:last]
			return
		}
	}
}

// cutList takes the guests off the list that starts at firstmoduledata.
func (b *goauditBatch) cutList() {
	prev := &firstmoduledata
	for md := prev.next; md != nil; md = md.next {
		if b.hasModule(md) {
			prev.next = md.next
		} else {
			prev = md
		}
	}
	lastmoduledatap = prev
}

// An object of more than 512 bytes that has pointers starts with the address
// of its type.  If it is dead, the collector has no use for it, except that a
// conservatively scanned stack may hold an old pointer to an object that is
// not swept yet: it is marked then, and its type is read.  Such headers are
// pointed to a type without pointers.
var (
	goauditDeadMask [goauditPtrSize]byte
	goauditDeadType = _type{Size_: 1 << 40, GCData: &goauditDeadMask[0]}
)

const goauditPtrSize = unsafe.Sizeof(uintptr(0))

// scrubHeaders costs a look at each span, and at each object of the spans that
// have headers.
func (b *goauditBatch) scrubHeaders() {
	dead := func(p uintptr) bool {
		return b.of(p) != nil || p != 0 && spanOf(p) != nil && b.madeOf(p)
	}
	for _, s := range mheap_.allspans {
		if s.state.get() != mSpanInUse || s.spanclass.noscan() || heapBitsInSpan(s.elemsize) {
			continue
		}
		if s.spanclass.sizeclass() == 0 {
			if dead(uintptr(unsafe.Pointer(s.largeType))) {
				s.largeType = &goauditDeadType
			}
			continue
		}
		for i := uintptr(0); i < uintptr(s.nelems); i++ {
			header := (*uintptr)(unsafe.Pointer(s.base() + i*s.elemsize))
			if dead(*header) {
				*header = uintptr(unsafe.Pointer(&goauditDeadType))
			}
		}
	}
}

// flushPCValues forgets what stack walks remember of the guests' functions:
// another module may come to lie at the same address.
func (b *goauditBatch) flushPCValues() {
	for mp := allm; mp != nil; mp = mp.alllink {
		for i := range mp.pcvalueCache.entries {
			for j := range mp.pcvalueCache.entries[i] {
				e := &mp.pcvalueCache.entries[i][j]
				if b.of(e.targetpc) != nil {
					*e = pcvalueCacheEnt{}
				}
			}
		}
	}
}

// release frees what the unlinked guests had outside of their mapping.  The
// world is running.
func (b *goauditBatch) release() {
	b.putBack()
	if !b.gone {
		return
	}
	b.purge()
	b.forgetMade()
	for i := range b.cands {
		c := &b.cands[i]
		goauditForgetTypelinks(c.md)
		if c.m != nil {
			goauditFreeMasks(c.md)
		}
	}
}
