package runtime

// runtime/debug.ReadBuildInfo reads a variable of this package that the linker sets in
// programs, and that nobody sets in a library.  What the linker has to say of a guest,
// and of a program over the runtime library, is in the file itself (goaudit_exports.go
// of the linker); the C side hands it over.

import "unsafe"

func goauditTextAt(p, n uint64) string {
	return unsafe.String((*byte)(unsafe.Pointer(uintptr(p))), int(n))
}

// goauditTextCopy is of memory that does not stay.
func goauditTextCopy(p, n uint64) string { return string([]byte(goauditTextAt(p, n))) }

// goauditModinfo returns that of the module that asks: the first one on the stack that
// is not the runtime library.
func goauditModinfo() string {
	var pcs [64]uintptr
	n := callers(1, pcs[:])
	for _, pc := range pcs[:n] {
		f := findfunc(pc)
		if !f.valid() || f.datap == &firstmoduledata {
			continue
		}
		text := ""
		lock(&goauditLock)
		if m := goauditRecord(f.datap); m != nil {
			text = m.modinfo
		}
		unlock(&goauditLock)
		if text != "" {
			return text
		}
	}
	return modinfo
}
