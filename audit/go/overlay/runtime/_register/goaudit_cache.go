package runtime

// Caches of type assertions and type switches.
//
// For each assertion x.(I) and each switch with interface cases the compiler
// makes a descriptor in the module's data, whose first word leads to a cache of
// types seen there: abi.TypeAssert and abi.InterfaceSwitch.  The entries are
// plain words, so nothing keeps the types alive, and an entry that outlives its
// module answers for whatever type comes to lie at that address.
//
// The caches can be found exactly: before a module's code runs, each first word
// holds the address of one of two empty caches of package runtime.  So the
// addresses of the descriptors are collected at registration, and for the
// modules that are there from the start by an init function of this package,
// which runs before that of any other.

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

func init() {
	for _, md := range activeModules() {
		goauditModules = append(goauditModules, &goauditModule{md: md, pinned: true, begun: true, caches: goauditFindCaches(md)})
	}
}

// goauditFindCaches returns the addresses of the descriptors in md's data.
func goauditFindCaches(md *moduledata) []uintptr {
	assert := uintptr(unsafe.Pointer(&emptyTypeAssertCache))
	swtch := uintptr(unsafe.Pointer(&emptyInterfaceSwitchCache))
	n := 0
	var found []uintptr
	for pass := 0; pass < 2; pass++ {
		for p := md.data; p+goarch.PtrSize <= md.edata; p += goarch.PtrSize {
			w := *(*uintptr)(unsafe.Pointer(p))
			if w != assert && w != swtch {
				continue
			}
			if pass == 0 {
				n++
			} else {
				found = append(found, p)
			}
		}
		if n == 0 {
			break
		}
		if pass == 0 {
			found = make([]uintptr, 0, n)
		}
	}
	return found
}

// goauditDropCaches empties each cache that mentions a module of b.  The world
// must be stopped.  The old cache is left as it is for whoever has loaded its
// address; it is not found again.
func goauditDropCaches(b *goauditBatch) {
	for _, m := range goauditModules {
		for _, p := range m.caches {
			slot := (*unsafe.Pointer)(unsafe.Pointer(p))
			if *slot == unsafe.Pointer(&emptyTypeAssertCache) || *slot == unsafe.Pointer(&emptyInterfaceSwitchCache) {
				continue
			}
			if goauditIsSwitch(p) {
				if b.inSwitchCache((*abi.InterfaceSwitchCache)(*slot)) {
					atomicstorep(unsafe.Pointer(slot), unsafe.Pointer(&emptyInterfaceSwitchCache))
				}
			} else if b.inAssertCache((*abi.TypeAssertCache)(*slot)) {
				atomicstorep(unsafe.Pointer(slot), unsafe.Pointer(&emptyTypeAssertCache))
			}
		}
	}
}

// goauditIsSwitch tells the two descriptors apart: the second word of a
// TypeAssert is the address of an interface type, that of an InterfaceSwitch
// the number of its cases.
func goauditIsSwitch(p uintptr) bool {
	return (*abi.InterfaceSwitch)(unsafe.Pointer(p)).NCases < 1<<16
}

func (b *goauditBatch) inSwitchCache(c *abi.InterfaceSwitchCache) bool {
	for _, e := range unsafe.Slice(&c.Entries[0], c.Mask+1) {
		if b.inEntry(e.Typ, e.Itab) {
			return true
		}
	}
	return false
}

func (b *goauditBatch) inAssertCache(c *abi.TypeAssertCache) bool {
	for _, e := range unsafe.Slice(&c.Entries[0], c.Mask+1) {
		if b.inEntry(e.Typ, e.Itab) {
			return true
		}
	}
	return false
}

func (b *goauditBatch) inEntry(typ, tab uintptr) bool {
	if typ == 0 {
		return false
	}
	return b.of(typ) != nil || spanOf(typ) != nil && b.mentions((*_type)(unsafe.Pointer(typ))) ||
		tab != 0 && b.hasItab((*itab)(unsafe.Pointer(tab)))
}
