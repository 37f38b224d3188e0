package crypto

// Hash functions, of which the last one counts: see goaudit_names.go of package sync.

import (
	"hash"
	"sync"
	"unsafe"
)

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var goauditMu sync.Mutex

var goauditHashes = goauditOnRegister(func(fn func()) bool {
	goauditMu.Lock()
	defer goauditMu.Unlock()
	fn()
	return true
}, func(name, value any) (old any) {
	h := name.(Hash)
	if hashes[h] != nil {
		old = hashes[h]
	}
	hashes[h], _ = value.(func() hash.Hash)
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&hashes), unsafe.Sizeof(hashes), cache)
}

func goauditAdd(h Hash, f func() hash.Hash) {
	const add, over = 0, 1
	var old any
	goauditMu.Lock()
	defer goauditMu.Unlock()
	if hashes[h] != nil {
		old = hashes[h]
	}
	if goauditTake(goauditHashes, h, old, over) == add {
		hashes[h] = f
	}
}
