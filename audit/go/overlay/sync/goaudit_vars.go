package sync

// The lists of all pools: a guest's pools are taken off them when it is
// unlinked.  See goaudit_weak.go of package runtime.

import "unsafe"

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

func init() {
	const table, cache = 0, 1
	goauditOnVar(unsafe.Pointer(&allPools), unsafe.Sizeof(allPools), table)
	goauditOnVar(unsafe.Pointer(&oldPools), unsafe.Sizeof(oldPools), table)
	goauditOnVar(unsafe.Pointer(&goauditClaims), unsafe.Sizeof(goauditClaims), cache)
}
