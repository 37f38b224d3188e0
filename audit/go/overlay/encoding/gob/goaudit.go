package gob

// What gob knows of types: how they are encoded, their ids, and the names they
// were registered under.  See goaudit_purge.go and goaudit_names.go of package sync.

import (
	"reflect"
	"sync"
	_ "unsafe" // for linkname
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditDies reflect.goauditDies
func goauditDies(t reflect.Type) bool

//go:linkname goauditUndo runtime.goauditUndo
func goauditUndo(put func())

//go:linkname goauditOnMap sync.goauditOnMap
func goauditOnMap(m *sync.Map) (register int)

//go:linkname goauditLoadOrStore sync.goauditLoadOrStore
func goauditLoadOrStore(m *sync.Map, register int, name, value any, equal bool) (actual any, loaded bool)

func init() {
	goauditOnPurge(goauditPurge)
}

// Names, of which goauditNames is a register.
var goauditNames = goauditOnMap(&nameToConcreteType)

// goauditForgetNames drops the other direction, from types to their names.
func goauditForgetNames() {
	types := make(map[any]any)
	concreteTypeToName.Range(func(k, v any) bool {
		if goauditDies(k.(reflect.Type)) {
			types[k] = v
			concreteTypeToName.Delete(k)
		}
		return true
	})
	if len(types) != 0 {
		goauditUndo(func() {
			for t, name := range types {
				if !goauditDies(t.(reflect.Type)) {
					concreteTypeToName.LoadOrStore(t, name)
				}
			}
		})
	}
}

func goauditPurge() {
	userTypeCache.Range(func(k, _ any) bool {
		if goauditDies(k.(reflect.Type)) {
			userTypeCache.Delete(k)
		}
		return true
	})
	goauditForgetNames()
	typeLock.Lock()
	defer typeLock.Unlock()
	goauditPurgeIds()
	goauditPurgeInfo()
}

// goauditPurgeIds forgets the ids.  Those at the end of the table are given
// anew, so that it does not grow with each generation.  typeLock is held.
func goauditPurgeIds() {
	gone := make(map[reflect.Type]gobType)
	for t, g := range types {
		if goauditDies(t) {
			delete(types, t)
			gone[t] = g
			// type K int has the id of int, an interface that of tInterface
			if id := int(g.id()); id >= firstUserId && id < len(idToTypeSlice) {
				idToTypeSlice[id] = nil
			}
		}
	}
	if len(gone) != 0 {
		goauditUndo(func() { goauditIdsAgain(gone) })
	}
	n := len(idToTypeSlice)
	for n > firstUserId && idToTypeSlice[n-1] == nil {
		n--
	}
	idToTypeSlice = idToTypeSlice[:n]
}

// goauditIdsAgain gives types back the ids under which encoders have sent them,
// unless they or the ids have been used anew.
func goauditIdsAgain(ids map[reflect.Type]gobType) {
	typeLock.Lock()
	defer typeLock.Unlock()
	for t, g := range ids {
		id := int(g.id())
		if goauditDies(t) || types[t] != nil || id < len(idToTypeSlice) && idToTypeSlice[id] != nil && idToTypeSlice[id] != g {
			continue
		}
		for id >= len(idToTypeSlice) {
			idToTypeSlice = append(idToTypeSlice, nil)
		}
		if id >= firstUserId {
			idToTypeSlice[id] = g
		}
		types[t] = g
	}
}

// goauditPurgeInfo replaces typeInfoMap, which readers load without a lock.
// typeLock is held.
func goauditPurgeInfo() {
	m, _ := typeInfoMap.Load().(map[reflect.Type]*typeInfo)
	keep := make(map[reflect.Type]*typeInfo, len(m))
	for t, info := range m {
		if !goauditDies(t) {
			keep[t] = info
		}
	}
	if len(keep) < len(m) {
		typeInfoMap.Store(keep)
	}
}
