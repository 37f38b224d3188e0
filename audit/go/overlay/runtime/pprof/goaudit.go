package pprof

// Whether a CPU profile is recorded or written; see goaudit_profile.go of package
// runtime.

import "unsafe"

//go:linkname goauditOnPprof runtime.goauditOnPprof
func goauditOnPprof(profiling *bool, lock unsafe.Pointer)

func init() { goauditOnPprof(&cpu.profiling, unsafe.Pointer(&cpu.Mutex)) }
