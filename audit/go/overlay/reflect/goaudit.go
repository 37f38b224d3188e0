package reflect

// Types that package reflect has made or looked up, and that are of a guest
// that is going to be unmapped.  See goaudit_purge.go of package runtime.

import (
	"internal/abi"
	"sync"
	"unsafe"
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditOnWalk runtime.goauditOnWalk
func goauditOnWalk(entry uintptr)

//go:linkname goauditMentions runtime.goauditMentions
func goauditMentions(t unsafe.Pointer) bool

//go:linkname goauditForget runtime.goauditForget
func goauditForget(t, from unsafe.Pointer)

func init() {
	goauditOnPurge(goauditPurge)
	// These look through the types of all modules.  The list they walk is a
	// copy: a goroutine preempted there goes on with types that are gone.
	for _, f := range [...]uintptr{
		abi.FuncPCABIInternal(typesByString),
		abi.FuncPCABIInternal((*rtype).ptrTo),
		abi.FuncPCABIInternal(ArrayOf),
		abi.FuncPCABIInternal(ChanOf),
		abi.FuncPCABIInternal(FuncOf),
		abi.FuncPCABIInternal(MapOf),
		abi.FuncPCABIInternal(SliceOf),
		abi.FuncPCABIInternal(StructOf),
	} {
		goauditOnWalk(f)
	}
}

// goauditDies is for the other packages, which know types as reflect.Type.
//
//go:linkname goauditDies
func goauditDies(t Type) bool {
	r, ok := t.(*rtype)
	return ok && goauditMentions(unsafe.Pointer(&r.t))
}

// goauditType returns the type descriptor that a cache has as its key or value.
func goauditType(v any) *abi.Type {
	switch v := v.(type) {
	case *rtype:
		return &v.t
	case *ptrType:
		return &v.Type
	case *abi.Type:
		return v
	}
	return nil
}

func goauditPurge() {
	ptrMap.Range(func(k, v any) bool {
		if goauditDrop(goauditType(v), goauditType(k), goauditType(v)) {
			ptrMap.Delete(k)
		}
		return true
	})
	lookupCache.Range(func(k, v any) bool {
		c := k.(cacheKey)
		if goauditDrop(goauditType(v), c.t1, c.t2, goauditType(v)) {
			lookupCache.Delete(k)
		}
		return true
	})
	layoutCache.Range(func(k, v any) bool {
		c := k.(layoutKey)
		var ftyp *abi.Type
		if c.ftyp != nil {
			ftyp = &c.ftyp.Type
		}
		if goauditDrop(v.(layoutType).t, ftyp, c.rcvr) {
			layoutCache.Delete(k)
		}
		return true
	})
	goauditPurgeLists(&funcLookupCache.Mutex, &funcLookupCache.m)
	goauditPurgeLists(&structLookupCache.Mutex, &structLookupCache.m)
}

// goauditDrop: must the cached type go, for one of the types it was made from?
func goauditDrop(made *abi.Type, from ...*abi.Type) bool {
	for _, t := range from {
		if t != nil && goauditMentions(unsafe.Pointer(t)) {
			goauditForget(unsafe.Pointer(made), unsafe.Pointer(t))
			return true
		}
	}
	return false
}

// goauditPurgeLists purges a cache that maps a hash to a list of types, which
// is a []*abi.Type or a []Type.  Readers have no lock: a list is replaced.
func goauditPurgeLists(mu *sync.Mutex, m *sync.Map) {
	mu.Lock()
	defer mu.Unlock()
	m.Range(func(k, v any) bool {
		switch l := v.(type) {
		case []*abi.Type:
			goauditKeep(m, k, l, func(t *abi.Type) *abi.Type { return t })
		case []Type:
			goauditKeep(m, k, l, func(t Type) *abi.Type { return goauditType(t) })
		}
		return true
	})
}

func goauditKeep[T any](m *sync.Map, k any, l []T, typ func(T) *abi.Type) {
	var keep []T
	for _, t := range l {
		if !goauditDrop(typ(t), typ(t)) {
			keep = append(keep, t)
		}
	}
	switch len(keep) {
	case len(l):
	case 0:
		m.Delete(k)
	default:
		m.Store(k, keep)
	}
}
