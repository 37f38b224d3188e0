package sync

// Keys that a guest has put into a Map.  Before Go 1.24 a deleted key stays in it,
// with its text, until a Store copies the map, and the next Store of an equal key
// compares with that text, which may have been unmapped since.

import _ "unsafe" // for linkname

// goauditForget drops the keys that have been deleted.
//
//go:linkname goauditForget
func goauditForget(m *Map) {
	// The first round leaves a map that takes new keys without a copy of its own;
	// the second one then makes that copy, of the keys that are in use.
	for i := 0; i < 2; i++ {
		key := new(int)
		m.Store(key, nil)
		m.Range(func(_, _ any) bool { return false })
		m.Delete(key)
	}
}
