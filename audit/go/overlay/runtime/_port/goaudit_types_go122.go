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

func goauditForgetTypelinks(md *moduledata) {}

func goauditEachItab(md *moduledata, fn func(*itab)) {
	for _, m := range md.itablinks {
		fn(m)
	}
}
