package pprof

// Profiles: see goaudit_names.go of package sync.

import "unsafe"

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var goauditProfiles = goauditOnRegister(func(fn func()) bool {
	lockProfiles()
	defer unlockProfiles()
	fn()
	return true
}, func(name, value any) (old any) {
	key := name.(string)
	if p := profiles.m[key]; p != nil {
		old = p
	}
	if value != nil {
		profiles.m[key] = value.(*Profile)
	} else {
		delete(profiles.m, key)
	}
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&profiles), unsafe.Sizeof(profiles), cache)
}

// goauditNew is NewProfile, with a profile that nobody sees where another one is to stay.
// profiles is locked.  nil: the name is another one's.
func goauditNew(name string) *Profile {
	const add, refuse = 0, 1
	var old any
	if p := profiles.m[name]; p != nil {
		old = p
	}
	p := &Profile{name: string([]byte(name)), m: map[any][]uintptr{}}
	switch goauditTake(goauditProfiles, name, old, 0) {
	case refuse:
		return nil
	case add:
		profiles.m[p.name] = p
	}
	return p
}
