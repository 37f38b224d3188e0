package x509

// Fallback roots, which may be set once: see goaudit_names.go of package sync.

import "unsafe"

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

// All under systemRootsMu.
var (
	goauditFallback *CertPool // what is set, while fallbacksSet
	goauditAgain    *CertPool // is set by us
	goauditLoaded   bool
	goauditSystem   *CertPool // what was loaded
	goauditErr      error
)

var goauditRoots int

func init() {
	goauditRoots = goauditOnRegister(func(fn func()) bool {
		systemRootsMu.Lock()
		defer systemRootsMu.Unlock()
		fn()
		return true
	}, goauditSet)
	const cache = 1
	goauditOnVar(unsafe.Pointer(&systemRoots), unsafe.Sizeof(systemRoots), cache)
	goauditOnVar(unsafe.Pointer(&goauditFallback), unsafe.Sizeof(goauditFallback), cache)
	goauditOnVar(unsafe.Pointer(&goauditAgain), unsafe.Sizeof(goauditAgain), cache)
}

func goauditSet(_, value any) any {
	old := goauditUnset()
	if value != nil {
		goauditAgain = value.(*CertPool)
		systemRootsMu.Unlock()
		SetFallbackRoots(goauditAgain)
		systemRootsMu.Lock()
		goauditAgain = nil
	}
	return old
}

// goauditLoad loads the system's.
func goauditLoad() (*CertPool, error) {
	goauditSystem, goauditErr = loadSystemRoots()
	if goauditLoaded = true; goauditErr != nil {
		goauditSystem = nil
	}
	return goauditSystem, goauditErr
}

// goauditUnset undoes SetFallbackRoots, and returns what it has set.
func goauditUnset() any {
	if !fallbacksSet {
		return nil
	}
	systemRoots, systemRootsErr = goauditSystem, goauditErr
	fallbacksSet = false
	return goauditFallback
}

// goauditDup: may SetFallbackRoots not set these?  If others are to stay, *roots becomes
// those.
func goauditDup(roots **CertPool) bool {
	const refuse, leave = 1, 2
	if *roots != goauditAgain {
		var old any
		if fallbacksSet {
			old = goauditFallback
		}
		switch goauditTake(goauditRoots, "fallback roots", old, 0) {
		case refuse:
			return true
		case leave:
			if old == nil {
				*roots = NewCertPool()
			} else {
				*roots = goauditFallback
			}
		}
	}
	goauditUnset()
	goauditFallback = *roots
	return false
}
