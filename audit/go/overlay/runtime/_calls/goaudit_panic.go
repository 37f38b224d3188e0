package runtime

// Package inits that do not end well.
//
// An init of a guest may panic or call Goexit.  Neither may end the process,
// which belongs to somebody else: the init ends, the module stays registered
// and is unlinked like any other.
//
// recover does for a panic.  It does nothing for Goexit, which goes on to end
// the goroutine, and here that is the one the C thread runs its callbacks on:
// "exited a goroutine internally locked to the OS thread", fatal.  So the
// deferred function turns a Goexit into a panic that has been recovered.  Both
// unwind through the same _panic records and the same loop (nextDefer), which
// looks at the recovered flag after each deferred call; recovery then removes
// all records younger than our frame and returns to it, unless one of them is
// a Goexit, which it would resume.  Removing a record takes one off
// runningPanicDefers, which Goexit does not count, hence the addition.

// goauditRunInits runs the package inits of md.  After a panic text says what it was, and
// where in the guest; stack is a text with the Go stack, as goauditMapText returns it.
func goauditRunInits(md *moduledata, text []byte) (verdict, stack uint64) {
	verdict = goauditPanicked
	done := false
	defer func() {
		if done {
			return
		}
		// The frames that have panicked are still below this one.
		frames := make([]byte, goauditPanicSize/2)
		frames = frames[:Stack(frames, false)]
		where := goauditPanicPlace(md)
		what := "goexit"
		if !goauditStopGoexit() {
			what = goauditPanicText(recover())
		}
		stack = goauditMapText("package init: "+what, string(frames))
		t := goauditText{buf: text}
		t.str(what)
		t.str(where)
	}()
	doInit(md.inittasks)
	done = true
	return goauditOK, 0
}

// goauditPanicPlace returns the place of the guest's code that a panic has come from, as
// " (main.go:12)", "" if there is none.
func goauditPanicPlace(md *moduledata) string {
	var pcs [64]uintptr
	for _, pc := range pcs[:callers(1, pcs[:])] {
		f := findfunc(pc)
		if !f.valid() || f.datap != md {
			continue
		}
		u, uf := newInlineUnwinder(f, pc-1)
		file, line := u.fileLine(uf)
		for i := len(file) - 1; i >= 0; i-- {
			if file[i] == '/' {
				file = file[i+1:]
				break
			}
		}
		var buf [20]byte
		return " (" + file + ":" + string(itoa(buf[:], uint64(line))) + ")"
	}
	return ""
}

// goauditStopGoexit is called by a deferred function of a frame F that a panic
// or a Goexit runs.  It makes every Goexit that was called below F a panic, and
// reports whether the newest record was one; that is marked recovered.
func goauditStopGoexit() bool {
	top := getg()._panic
	if top == nil {
		return false
	}
	was := top.goexit
	for p := top; p != nil && uintptr(p.startSP) < uintptr(top.sp); p = p.link {
		if p.goexit {
			p.goexit = false
			runningPanicDefers.Add(1)
		}
	}
	if was {
		top.recovered = true
	}
	return was
}

// goauditPanicText returns the text of a panic value.  Error and String are
// code of the guest, and may fail as well.
func goauditPanicText(e any) (s string) {
	if e == nil {
		return "panic"
	}
	typ := toRType(efaceOf(&e)._type).string()
	s = typ + ": panic while its text was made"
	defer func() {
		if !goauditStopGoexit() {
			recover()
		}
	}()
	switch v := e.(type) {
	case error:
		return v.Error()
	case stringer:
		return v.String()
	case string:
		return v
	}
	return "panic of type " + typ
}
