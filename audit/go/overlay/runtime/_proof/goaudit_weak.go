//go:build go1.26

package runtime

// Variables exempt from the proof: tables of the runtime, and caches until they are purged.
//
// Some belong to the tables from which a guest is taken when it is unlinked:
// they are not roots.  Some are caches, which are purged before the verdict
// (goaudit_purge.go): they are roots only then, so a cache entry that no purge
// knows of holds its guest instead of crashing the process.  And m0 and g0 are
// full of program counters: of their words only pointers count.
//
// Other packages register theirs with goauditOnVar from an init function.

import "unsafe"

const (
	goauditVarTable    = iota // not a root
	goauditVarCache           // a root after the purge
	goauditVarPointers        // a root with its pointers only
)

type goauditVar struct {
	lo, hi uintptr
	kind   int
}

// Sorted by address; written by inits of std only, before main_init_done.
var (
	goauditVars  [96]goauditVar
	goauditNVars int
)

//go:linkname goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int) {
	if goauditNVars == len(goauditVars) {
		throw("goaudit: too many variables")
	}
	i := goauditNVars
	for ; i > 0 && goauditVars[i-1].lo > uintptr(p); i-- {
		goauditVars[i] = goauditVars[i-1]
	}
	goauditVars[i] = goauditVar{uintptr(p), uintptr(p) + alignUp(size, goauditPtrSize), kind}
	goauditNVars++
}

func init() {
	table := func(p unsafe.Pointer, size uintptr) { goauditOnVar(p, size, goauditVarTable) }
	table(unsafe.Pointer(&modulesSlice), unsafe.Sizeof(modulesSlice))
	table(unsafe.Pointer(&firstmoduledata), unsafe.Sizeof(firstmoduledata))
	table(unsafe.Pointer(&lastmoduledatap), unsafe.Sizeof(lastmoduledatap))
	table(unsafe.Pointer(&pinnedTypemaps), unsafe.Sizeof(pinnedTypemaps))
	table(unsafe.Pointer(&itabTable), unsafe.Sizeof(itabTable))
	table(unsafe.Pointer(&itabTableInit), unsafe.Sizeof(itabTableInit))
	table(unsafe.Pointer(&goauditModules), unsafe.Sizeof(goauditModules))
	table(unsafe.Pointer(&goauditSpares), unsafe.Sizeof(goauditSpares))
	table(unsafe.Pointer(&goauditDying), unsafe.Sizeof(goauditDying))
	table(unsafe.Pointer(&goauditMade), unsafe.Sizeof(goauditMade))
	table(unsafe.Pointer(&goauditMark), unsafe.Sizeof(goauditMark))
	table(unsafe.Pointer(&reflectOffs), unsafe.Sizeof(reflectOffs)) // purged after the commit
	goauditOnVar(unsafe.Pointer(&m0), unsafe.Sizeof(m0), goauditVarPointers)
	goauditOnVar(unsafe.Pointer(&g0), unsafe.Sizeof(g0), goauditVarPointers)
}

// cacheVars scans the caches' variables.
func (k *goauditMarker) cacheVars() {
	k.caches = true
	for i := 0; i < goauditNVars; i++ {
		v := &goauditVars[i]
		if v.kind != goauditVarCache {
			continue
		}
		for _, md := range activeModules() {
			if v.lo >= md.data && v.hi <= md.edata {
				k.words(v.lo, v.hi, alignUp(md.data, goauditPtrSize), &md.gcdatamask, true, 0)
			} else if v.lo >= md.bss && v.hi <= md.ebss {
				k.words(v.lo, v.hi, alignUp(md.bss, goauditPtrSize), &md.gcbssmask, true, 0)
			}
		}
	}
}
