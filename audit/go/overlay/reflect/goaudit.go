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

//go:linkname goauditRemember runtime.goauditRemember
func goauditRemember(t unsafe.Pointer)

//go:linkname goauditUndo runtime.goauditUndo
func goauditUndo(put func())

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

// goauditEntry is an entry of a cache: what is cached, and the types that tell
// whose it is.  A made type that has parts comes first, as it mentions them all.
type goauditEntry struct {
	made *abi.Type
	from [3]*abi.Type
}

func goauditPurge() {
	goauditPurgeMap(&ptrMap, func(k, v any) goauditEntry {
		t := goauditType(v)
		return goauditEntry{t, [3]*abi.Type{t, goauditType(k)}}
	})
	goauditPurgeMap(&lookupCache, func(k, v any) goauditEntry {
		c, t := k.(cacheKey), goauditType(v)
		return goauditEntry{t, [3]*abi.Type{t, c.t1, c.t2}}
	})
	goauditPurgeMap(&layoutCache, func(k, v any) goauditEntry {
		c := k.(layoutKey)
		var ftyp *abi.Type
		if c.ftyp != nil {
			ftyp = &c.ftyp.Type
		}
		return goauditEntry{v.(layoutType).t, [3]*abi.Type{ftyp, c.rcvr}}
	})
	goauditPurgeLists(&funcLookupCache.Mutex, &funcLookupCache.m)
	goauditPurgeLists(&structLookupCache.Mutex, &structLookupCache.m)
}

// dies returns the type for which the entry must go, or nil.
func (e *goauditEntry) dies() *abi.Type {
	for _, t := range e.from {
		if t != nil && goauditMentions(unsafe.Pointer(t)) {
			return t
		}
	}
	return nil
}

// drop reports whether the entry must go.
func (e *goauditEntry) drop() bool {
	t := e.dies()
	if t != nil {
		goauditForget(unsafe.Pointer(e.made), unsafe.Pointer(t))
	}
	return t != nil
}

func goauditPurgeMap(m *sync.Map, entry func(k, v any) goauditEntry) {
	m.Range(func(k, v any) bool {
		e := entry(k, v)
		if !e.drop() {
			return true
		}
		m.Delete(k)
		goauditUndo(func() {
			if e.dies() != nil {
				return
			}
			if _, taken := m.LoadOrStore(k, v); !taken {
				goauditRemember(unsafe.Pointer(e.made))
			}
		})
		return true
	})
}

// goauditPurgeLists purges a cache that maps a hash to a list of types, which
// is a []*abi.Type or a []Type.  Readers have no lock: a list is replaced.
func goauditPurgeLists(mu *sync.Mutex, m *sync.Map) {
	mu.Lock()
	defer mu.Unlock()
	m.Range(func(k, v any) bool {
		switch l := v.(type) {
		case []*abi.Type:
			goauditKeep(mu, m, k, l, func(t *abi.Type) *abi.Type { return t })
		case []Type:
			goauditKeep(mu, m, k, l, func(t Type) *abi.Type { return goauditType(t) })
		}
		return true
	})
}

func goauditKeep[T any](mu *sync.Mutex, m *sync.Map, k any, l []T, typ func(T) *abi.Type) {
	var keep []T
	for _, t := range l {
		e := goauditEntry{typ(t), [3]*abi.Type{typ(t)}}
		if !e.drop() {
			keep = append(keep, t)
			continue
		}
		goauditUndo(func() {
			if e.dies() == nil {
				goauditListAgain(mu, m, k, t, typ)
			}
		})
	}
	switch len(keep) {
	case len(l):
	case 0:
		m.Delete(k)
	default:
		m.Store(k, keep)
	}
}

// goauditListAgain puts t back on its list, unless it has a twin there by now.
func goauditListAgain[T any](mu *sync.Mutex, m *sync.Map, k any, t T, typ func(T) *abi.Type) {
	mu.Lock()
	defer mu.Unlock()
	v, _ := m.Load(k)
	l, _ := v.([]T)
	for _, o := range l {
		if haveIdenticalUnderlyingType(typ(o), typ(t), true) {
			return
		}
	}
	m.Store(k, append(l[:len(l):len(l)], t))
	goauditRemember(unsafe.Pointer(typ(t)))
}
