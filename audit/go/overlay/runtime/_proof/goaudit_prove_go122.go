//go:build !go1.26

package runtime

import "unsafe"

// The proof needs Go 1.26 so far; before that only the cheap check is made.

type goauditBytes struct{}

func (b *goauditBatch) prove() { b.checked() }

//go:linkname goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int) {}

func (b *goauditBatch) proving() bool { return false }
