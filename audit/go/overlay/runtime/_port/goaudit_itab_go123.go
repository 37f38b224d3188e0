//go:build go1.23

package runtime

// Itabs: abi.ITab.

func goauditItabPair(m *itab) (*interfacetype, *_type) { return m.Inter, m.Type }

// goauditItabSetup fills in a zeroed itab.  itabLock must be held.
func goauditItabSetup(m *itab, inter *interfacetype, typ *_type) {
	m.Inter, m.Type = inter, typ
	itabInit(m, true)
}
