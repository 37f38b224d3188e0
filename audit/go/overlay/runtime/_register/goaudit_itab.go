package runtime

// Itabs of a guest.
//
// itabTable holds one entry for each pair of interface and type that a module
// brought along or that getitab was ever asked for.  Nothing is ever taken out
// of it upstream, and growing it reads the types of all entries, so the entries
// that mention an unlinked module must go: the table is built anew without
// them.  Readers have no lock (getitab looks before it locks), hence the new
// table instead of holes in the old.
//
// An itab that getitab made for a pair with a guest's type was allocated with
// persistentalloc, so it cannot be freed.  The reload of a guest would leak the
// same few itabs each time.  They are kept as spares, with the hashes of the
// interface and the type they were for; a type's hash depends on its name and
// structure, not on where it lies.  When a module comes that has types of these
// hashes, the itabs are made from the spares right away, for getitab to find.
// A wrong guess costs nothing but the entry: an itab is valid for whatever pair
// it was made for.
//
// Pairs of two lasting types stay out of the table when a guest brings them:
// such itabs are compared by address, so there may be only one, and it must
// outlive the guest (goauditLeadItabs).

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

// goauditSpare is the memory of an itab of an unlinked module.  What it was for is
// nil where that has been unmapped, and known by its hash only; else it is of the
// library or of a guest that stays for now (goauditLetGoOfSpares).
type goauditSpare struct {
	mem       *itab
	methods   int // what it has room for
	inter     *interfacetype
	typ       *_type
	interHash uint32
	typHash   uint32
}

// Beyond this many, spares are lost.  Only types that change in every
// generation, or guests that never come back, get there.
const goauditMaxSpares = 4096

// Both under goauditLock, or with the world stopped.
var (
	goauditSpares      []goauditSpare
	goauditSpareHashes map[uint32]uint32 // how many spares wait for this hash
)

// goauditAddItabs adds the itabs of a module that has just been published.
// goauditLock must be held.
func goauditAddItabs(md *moduledata) {
	wanted := goauditWanted(md)
	lock(&itabLock)
	goauditEachItab(md, func(m *itab) {
		inter, typ := goauditItabPair(m)
		if goauditHasType(md, unsafe.Pointer(inter)) || goauditHasType(md, unsafe.Pointer(typ)) {
			itabAdd(m)
		}
	})
	if len(wanted) != 0 {
		goauditRevive(wanted)
	}
	unlock(&itabLock)
}

func goauditHasType(md *moduledata, p unsafe.Pointer) bool {
	return uintptr(p)-md.types < md.etypes-md.types
}

// goauditWanted returns the types of md that spares wait for.
func goauditWanted(md *moduledata) (wanted []*_type) {
	if len(goauditSpares) == 0 {
		return nil
	}
	for _, l := range goauditTypelinks(md) {
		t := goauditLinkedType(md, l)
		if goauditSpareHashes[t.Hash] != 0 {
			wanted = append(wanted, t)
		}
	}
	return
}

// goauditRevive makes itabs of those spares whose types are there again.
// goauditLock and itabLock must be held.
func goauditRevive(wanted []*_type) {
	keep := goauditSpares[:0]
	for _, s := range goauditSpares {
		inter, typ := s.inter, s.typ
		for _, t := range wanted {
			if inter == nil && t.Hash == s.interHash && t.Kind() == abi.Interface {
				inter = (*interfacetype)(unsafe.Pointer(t))
			}
			if typ == nil && t.Hash == s.typHash && t.Kind() != abi.Interface {
				typ = t
			}
		}
		if inter == nil || typ == nil || typ.Uncommon() == nil || len(inter.Methods) == 0 ||
			len(inter.Methods) > s.methods || itabTable.find(inter, typ) != nil {
			keep = append(keep, s)
			continue
		}
		goauditCountSpare(&s, ^uint32(0))
		memclrNoHeapPointers(unsafe.Pointer(s.mem), goauditItabSize(s.methods))
		goauditItabSetup(s.mem, inter, typ)
		itabAdd(s.mem)
	}
	clear(goauditSpares[len(keep):])
	goauditSpares = keep
}

// goauditLetGoOfSpares makes the spares wait by hash for what they know of the
// guests of b.  The world must be stopped.
func goauditLetGoOfSpares(b *goauditBatch) {
	for i := range goauditSpares {
		s := &goauditSpares[i]
		inter := b.of(uintptr(unsafe.Pointer(s.inter))) != nil
		typ := b.of(uintptr(unsafe.Pointer(s.typ))) != nil
		if !inter && !typ {
			continue
		}
		goauditCountSpare(s, ^uint32(0))
		if inter {
			s.inter = nil
		}
		if typ {
			s.typ = nil
		}
		goauditCountSpare(s, 1)
	}
}

// goauditCountSpare adds n to the counts of the hashes s waits for.
func goauditCountSpare(s *goauditSpare, n uint32) {
	if goauditSpareHashes == nil {
		goauditSpareHashes = make(map[uint32]uint32)
	}
	count := func(h uint32) {
		if c := goauditSpareHashes[h] + n; c != 0 {
			goauditSpareHashes[h] = c
		} else {
			delete(goauditSpareHashes, h)
		}
	}
	if s.inter == nil {
		count(s.interHash)
	}
	if s.typ == nil {
		count(s.typHash)
	}
}

func goauditItabSize(methods int) uintptr {
	return unsafe.Sizeof(itab{}) + uintptr(methods-1)*goarch.PtrSize
}

// goauditDropItabs rebuilds itabTable without the itabs that mention a module
// of b, and takes such modules out of the spares.  The world must be stopped.
func goauditDropItabs(b *goauditBatch) {
	goauditRebuildItabs(b)
	goauditLetGoOfSpares(b)
}

func goauditRebuildItabs(b *goauditBatch) {
	t := itabTable
	entry := func(i uintptr) *itab {
		return *(**itab)(add(unsafe.Pointer(&t.entries), i*goarch.PtrSize))
	}
	dead := 0
	for i := uintptr(0); i < t.size; i++ {
		if m := entry(i); m != nil && b.hasItab(m) {
			dead++
		}
	}
	if dead == 0 {
		return
	}
	// pointer-free for the collector, as in itabAdd
	nt := (*itabTableType)(mallocgc((2+t.size)*goarch.PtrSize, nil, true))
	nt.size = t.size
	for i := uintptr(0); i < t.size; i++ {
		m := entry(i)
		if m == nil {
			continue
		}
		if !b.hasItab(m) {
			nt.add(m)
		} else if b.of(uintptr(unsafe.Pointer(m))) == nil {
			b.spare(m)
		}
	}
	atomicstorep(unsafe.Pointer(&itabTable), unsafe.Pointer(nt))
}

// hasItab: does m lie in a module of b, or is it for a type of one?  A type
// made by reflect lies on the heap and may be composed of a module's types.
func (b *goauditBatch) hasItab(m *itab) bool {
	inter, typ := goauditItabPair(m)
	return b.of(uintptr(unsafe.Pointer(m))) != nil ||
		b.of(uintptr(unsafe.Pointer(inter))) != nil ||
		b.of(uintptr(unsafe.Pointer(typ))) != nil ||
		spanOf(uintptr(unsafe.Pointer(typ))) != nil && b.mentions(typ)
}

// spare keeps the memory of m, which getitab has allocated.
func (b *goauditBatch) spare(m *itab) {
	inter, typ := goauditItabPair(m)
	if len(goauditSpares) >= goauditMaxSpares || b.of(uintptr(unsafe.Pointer(typ))) == nil && spanOf(uintptr(unsafe.Pointer(typ))) != nil {
		return // one of a type made by reflect: the next will have another hash
	}
	s := goauditSpare{
		mem: m, methods: len(inter.Methods),
		inter: inter, interHash: inter.Type.Hash,
		typ: typ, typHash: typ.Hash,
	}
	goauditSpares = append(goauditSpares, s)
	goauditCountSpare(&s, 1)
}
