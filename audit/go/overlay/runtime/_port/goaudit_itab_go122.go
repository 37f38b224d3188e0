//go:build !go1.23

package runtime

// Itabs: a struct of package runtime with its own field names.

func goauditItabPair(m *itab) (*interfacetype, *_type) { return m.inter, m._type }

// goauditItabSetup fills in a zeroed itab.  itabLock must be held.
func goauditItabSetup(m *itab, inter *interfacetype, typ *_type) {
	m.inter, m._type = inter, typ
	m.init()
}
