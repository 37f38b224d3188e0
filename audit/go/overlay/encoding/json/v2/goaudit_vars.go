//go:build goexperiment.jsonv2

package json

// Caches of this package; see goaudit_weak.go of package runtime.

import "unsafe"

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&lookupArshalerCache), unsafe.Sizeof(lookupArshalerCache), cache)
}
