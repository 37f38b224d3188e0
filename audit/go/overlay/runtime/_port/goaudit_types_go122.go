//go:build !go1.27

package runtime

import "unsafe"

// Types and itabs of a module: tables of the linker.  Type maps go by offset.

type (
	goauditTypelink = int32 // offset from md.types
	goauditTypemap  = map[typeOff]*_type
)

func goauditTypelinks(md *moduledata) []goauditTypelink { return md.typelinks }

func goauditLinkedType(md *moduledata, l goauditTypelink) *_type {
	return (*_type)(unsafe.Pointer(md.types + uintptr(l)))
}

func goauditTypemapKey(l goauditTypelink) typeOff { return typeOff(l) }

// goauditTypeKey is goauditTypemapKey of a type in md.
func goauditTypeKey(md *moduledata, t *_type) typeOff {
	return typeOff(uintptr(unsafe.Pointer(t)) - md.types)
}

// goauditSetTypelinks makes own the list of md's types.  The collector does not look
// at md: whoever keeps a record of it has to keep own.
func goauditSetTypelinks(md *moduledata, own []goauditTypelink) { md.typelinks = own }

func goauditForgetTypelinks(md *moduledata) {}

func goauditEachItab(md *moduledata, fn func(*itab)) {
	for _, m := range md.itablinks {
		fn(m)
	}
}
