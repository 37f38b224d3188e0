//go:build go1.26

package runtime

// System calls and atomic operations.

import (
	"internal/runtime/atomic"
	"internal/runtime/syscall/linux"
)

func goauditCas(p *uintptr, old, new uintptr) bool { return atomic.Casuintptr(p, old, new) }

func goauditSyscall(num, a, b, c uintptr) (r, errno uintptr) {
	r, _, errno = linux.Syscall6(num, a, b, c, 0, 0, 0)
	return
}
