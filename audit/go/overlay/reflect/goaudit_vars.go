package reflect

// Caches of this package; see goaudit_weak.go of package runtime.

import "unsafe"

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&ptrMap), unsafe.Sizeof(ptrMap), cache)
	goauditOnVar(unsafe.Pointer(&lookupCache), unsafe.Sizeof(lookupCache), cache)
	goauditOnVar(unsafe.Pointer(&funcLookupCache), unsafe.Sizeof(funcLookupCache), cache)
	goauditOnVar(unsafe.Pointer(&structLookupCache), unsafe.Sizeof(structLookupCache), cache)
	goauditOnVar(unsafe.Pointer(&layoutCache), unsafe.Sizeof(layoutCache), cache)
}
