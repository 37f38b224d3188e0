package sync

// Maps that are registers of names: see goaudit_names.go.  All of
// them have one lock.

import _ "unsafe" // for linkname

var goauditRegistering Mutex

// goauditOnMap makes m a register.
//
//go:linkname goauditOnMap
func goauditOnMap(m *Map) (register int) {
	return goauditOnRegister(func(fn func()) bool {
		goauditRegistering.Lock()
		defer goauditRegistering.Unlock()
		fn()
		return true
	}, func(name, value any) any {
		old, _ := m.Load(name)
		if value != nil {
			m.Store(name, value)
		} else if m.Delete(name); old != nil {
			goauditForget(m)
		}
		return old
	})
}

// goauditLoadOrStore is LoadOrStore of a register; where the name may be taken over it
// stores.  equal: two values that are equal may share a name.
//
//go:linkname goauditLoadOrStore
func goauditLoadOrStore(m *Map, register int, name, value any, equal bool) (actual any, loaded bool) {
	goauditRegistering.Lock()
	defer goauditRegistering.Unlock()
	if s, ok := name.(string); ok {
		name = string([]byte(s)) // the key that is stored first stays
	}
	old, loaded := m.Load(name)
	how := 0
	if equal = equal && loaded && old == value; equal {
		how = goauditOver
	}
	switch goauditTake(register, name, old, how) {
	case goauditRefuse:
		return old, true
	case goauditAdd:
		m.Store(name, value)
	}
	return value, equal
}
