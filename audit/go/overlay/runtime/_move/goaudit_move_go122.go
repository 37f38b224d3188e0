//go:build !go1.26

package runtime

import "unsafe"

// There is no marker before Go 1.26 (goaudit_prove_go122.go): only what does not
// share objects with the old generation moves, or shares bytes.

type goauditMoveTrace struct{}

func (t *goauditMoveTrace) start(m *goauditMover, md *moduledata) {}
func (t *goauditMoveTrace) stop(m *goauditMover, ok bool)         {}

func (t *goauditMoveTrace) lead(m *goauditMover, p uintptr) bool {
	w := goauditLoad(p)
	s := spanOfHeap(w)
	if w == 0 || s != nil && s.spanclass.noscan() {
		return true
	}
	return m.no(p, "values that lead to other objects need Go 1.26")
}

func (t *goauditMoveTrace) slice(m *goauditMover, op *goauditMoveOp, p uintptr) bool {
	if op.flags&goauditMovePlain != 0 {
		return true
	}
	return t.lead(m, p)
}

func (t *goauditMoveTrace) iface(m *goauditMover, p uintptr) bool {
	return t.lead(m, p+8)
}

func goauditLoad(p uintptr) uintptr { return *(*uintptr)(unsafe.Pointer(p)) }
