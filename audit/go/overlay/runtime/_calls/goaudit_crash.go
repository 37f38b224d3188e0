package runtime

// What a crash of the process says of guests.  The runtime's own report, which tools read,
// stays as it is; behind it stand the frames of the goroutine that are of guests, each with
// its generation, and where all guests lie and what they were loaded from, so that a log can
// be matched to builds, and addresses in it to generations.
//
// No lock is taken, and nothing allocated: whoever changes the records may be the one that
// has crashed.

const goauditCrashFrames = 32

// goauditCrash follows a goroutine from a place; where that is not of Go, from where it has
// left Go.  Of several threads that crash the first one prints.
func goauditCrash(gp *g, pc, sp uintptr) {
	if level, _, _ := gotraceback(); level == 0 {
		return
	}
	if crashing.Load() != 0 {
		return
	}
	if !findfunc(pc).valid() {
		pc, sp = ^uintptr(0), ^uintptr(0)
	}
	named := 0
	for _, m := range goauditModules {
		if m.name != "" {
			named++
		}
	}
	if named == 0 {
		return
	}
	print("\n")
	if gp != nil && gp != gp.m.g0 {
		goauditCrashFramesOf(gp, pc, sp)
	}
	for _, m := range goauditModules {
		if m.name != "" {
			print("goaudit: ", m.name, ": ", hex(m.lo), "-", hex(m.hi), " ", m.file, "\n")
		}
	}
}

func goauditCrashFramesOf(gp *g, pc, sp uintptr) {
	var u unwinder
	n := 0
	for u.initAt(pc, sp, 0, gp, unwindSilentErrors); u.valid() && n < goauditCrashFrames; u.next() {
		m := goauditRecord(u.frame.fn.datap)
		if m == nil || m.name == "" {
			continue
		}
		n++
		for iu, uf := newInlineUnwinder(u.frame.fn, u.symPC()); uf.valid(); uf = iu.next(uf) {
			file, line := iu.fileLine(uf)
			printFuncName(iu.srcFunc(uf).name())
			print(" ", file, ":", line, ": ", m.name, "\n")
		}
	}
}
