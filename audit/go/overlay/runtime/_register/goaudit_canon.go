package runtime

// The one itab of a pair of library types.
//
// A conversion like error(err) in a guest, with err a *fs.PathError, uses an
// itab for (error, *fs.PathError).  If the library's own code never makes this
// conversion, the linker puts the itab into the guest.  But x.(*fs.PathError)
// on an error compares the itab's address with that of the itab the asserting
// module knows, and an error that the guest made may outlive it.  Therefore the
// loader points the guest's relocations to one itab that belongs to the
// runtime library; if there is none, getitab makes it, once for each pair.

import "unsafe"

func goauditCanon(p unsafe.Pointer) {
	r := (*goauditCanonReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	r.out = r.in
	inGuest := func(p uint64) bool { return p-r.lo < r.hi-r.lo }
	if !inGuest(r.in) {
		return
	}
	inter, typ := goauditItabPair((*itab)(unsafe.Pointer(uintptr(r.in))))
	if inGuest(uint64(uintptr(unsafe.Pointer(inter)))) || inGuest(uint64(uintptr(unsafe.Pointer(typ)))) {
		return
	}
	if m := getitab(inter, typ, true); m != nil {
		r.out = uint64(uintptr(unsafe.Pointer(m)))
	}
}
