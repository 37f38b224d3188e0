package gob

// Caches of this package; see goaudit_weak.go of package runtime.

import "unsafe"

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&userTypeCache), unsafe.Sizeof(userTypeCache), cache)
	goauditOnVar(unsafe.Pointer(&types), unsafe.Sizeof(types), cache)
	goauditOnVar(unsafe.Pointer(&idToTypeSlice), unsafe.Sizeof(idToTypeSlice), cache)
	goauditOnVar(unsafe.Pointer(&typeInfoMap), unsafe.Sizeof(typeInfoMap), cache)
	goauditOnVar(unsafe.Pointer(&nameToConcreteType), unsafe.Sizeof(nameToConcreteType), cache)
	goauditOnVar(unsafe.Pointer(&concreteTypeToName), unsafe.Sizeof(concreteTypeToName), cache)
}
