//go:build go1.27

package runtime

import "unsafe"

// Types and itabs of a module: the descriptors lie one after the other, and
// moduleTypelinks keeps the list of a module's types in a map by the address of
// its moduledata.  Type maps go by type.

type (
	goauditTypelink = *_type
	goauditTypemap  = map[*_type]*_type
)

func init() { // see goaudit_weak.go
	goauditOnVar(unsafe.Pointer(&moduleToTypelinks), unsafe.Sizeof(moduleToTypelinks), goauditVarTable)
}

func goauditTypelinks(md *moduledata) []goauditTypelink { return moduleTypelinks(md) }

func goauditLinkedType(md *moduledata, l goauditTypelink) *_type { return l }

func goauditTypemapKey(l goauditTypelink) *_type { return l }

func goauditTypeKey(md *moduledata, t *_type) *_type { return t }

func goauditSetTypelinks(md *moduledata, own []goauditTypelink) {
	lock(&moduleToTypelinksLock)
	moduleToTypelinks[md] = own // moduleTypelinks has made the map
	unlock(&moduleToTypelinksLock)
}

func goauditForgetTypelinks(md *moduledata) {
	lock(&moduleToTypelinksLock)
	delete(moduleToTypelinks, md)
	unlock(&moduleToTypelinksLock)
}

func goauditEachItab(md *moduledata, fn func(*itab)) {
	p := md.types + md.itaboffset
	for end := p + md.itabsize; p < end; {
		m := (*itab)(unsafe.Pointer(p))
		fn(m)
		p += uintptr(m.Size())
	}
}
