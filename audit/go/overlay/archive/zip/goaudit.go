package zip

// Compressors and decompressors: see goaudit_names.go of package sync.

import (
	"sync"
	"unsafe"
)

//go:linkname goauditOnMap sync.goauditOnMap
func goauditOnMap(m *sync.Map) (register int)

//go:linkname goauditLoadOrStore sync.goauditLoadOrStore
func goauditLoadOrStore(m *sync.Map, register int, name, value any, equal bool) (actual any, loaded bool)

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var (
	goauditCompressors   = goauditOnMap(&compressors)
	goauditDecompressors = goauditOnMap(&decompressors)
)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&compressors), unsafe.Sizeof(compressors), cache)
	goauditOnVar(unsafe.Pointer(&decompressors), unsafe.Sizeof(decompressors), cache)
}
