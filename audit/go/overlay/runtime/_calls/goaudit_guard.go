package runtime

// Calls of a guest's exports whose panics end the call only.
//
// An export's C function calls crosscall2(fn, frame, ...).  In a guest that was
// opened so, it finds a function of the C side's in place of crosscall2, which
// calls goauditGuard by the real one, with fn and frame in the request.  The
// frame's results are zero until the export sets them.

import "unsafe"

const goauditPanicSize = 16384 // GO_PANIC_SIZE

func goauditGuard(p unsafe.Pointer) {
	r := (*goauditGuardReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	done := false
	defer func() {
		if done {
			return
		}
		// The frames that have panicked are still below this one.
		stack := make([]byte, goauditPanicSize/2)
		stack = stack[:Stack(stack, false)]
		what := "goexit"
		if !goauditStopGoexit() {
			what = "panic: " + goauditPanicText(recover())
		}
		r.panic = goauditMapText(what, string(stack))
	}()
	fn := funcval{uintptr(r.fn)}
	var call func(uintptr)
	*(*unsafe.Pointer)(unsafe.Pointer(&call)) = noescape(unsafe.Pointer(&fn))
	call(uintptr(r.arg))
	done = true
}

// goauditMapText returns the address of a mapping with a text of two parts, which
// the C side unmaps.
func goauditMapText(a, b string) uint64 {
	p, err := mmap(nil, goauditPanicSize, _PROT_READ|_PROT_WRITE, _MAP_ANON|_MAP_PRIVATE, -1, 0)
	if err != 0 {
		return 1 // no text
	}
	t := unsafe.Slice((*byte)(p), goauditPanicSize)
	n := copy(t[:goauditPanicSize/2-2], a)
	n += copy(t[n:], "\n\n")
	n += copy(t[n:goauditPanicSize-1], b)
	t[n] = 0
	return uint64(uintptr(p))
}
