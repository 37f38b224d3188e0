package expvar

// Published variables: see goaudit_names.go of package sync.

import (
	"sort"
	"sync"
	"unsafe"
)

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

//go:linkname goauditForget sync.goauditForget
func goauditForget(m *sync.Map)

// Do calls functions of others with keysMu in hand.
var goauditPublished = goauditOnRegister(func(fn func()) bool {
	if !vars.keysMu.TryLock() {
		return false
	}
	defer vars.keysMu.Unlock()
	fn()
	return true
}, goauditSet)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&vars), unsafe.Sizeof(vars), cache)
}

// goauditSet publishes a variable, or takes it back: nil.  keysMu is held.
func goauditSet(name, value any) (old any) {
	key := name.(string)
	old, there := vars.m.Load(key)
	i := sort.SearchStrings(vars.keys, key)
	switch {
	case value == nil:
		vars.m.Delete(key)
		if there {
			vars.keys = append(vars.keys[:i:i], vars.keys[i+1:]...)
			goauditForget(&vars.m)
		}
	default:
		vars.m.Store(key, value)
		if !there {
			keys := append(vars.keys[:i:i], key)
			vars.keys = append(keys, vars.keys[i:]...)
		}
	}
	return old
}

// goauditDup publishes v, or reports that it must not.
func goauditDup(name string, v Var) bool {
	const add, refuse = 0, 1
	vars.keysMu.Lock()
	defer vars.keysMu.Unlock()
	name = string([]byte(name)) // the key that is stored first stays
	old, _ := vars.m.Load(name)
	answer := goauditTake(goauditPublished, name, old, 0)
	if answer == add {
		goauditSet(name, v)
	}
	return answer == refuse
}
