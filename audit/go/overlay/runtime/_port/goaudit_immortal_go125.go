//go:build go1.25

package runtime

// Weak pointers to variables of modules.
//
// A variable is no heap object: its handle is a node of a tree that hangs on
// mheap_.immortalWeakHandles, keyed by the variable's address, and upstream never
// becomes nil.  When the module is unmapped, the handle must: it would make a
// pointer of another type from whatever comes to lie at that address.  The node
// stays, as others lie beneath it and weak pointers lead to it; the next variable at
// this address gets one of its own, as getOrAdd looks for the address.

// clearImmortal makes the weak pointers to variables of the guests nil.  The world
// must be stopped, on the system stack.
func (b *goauditBatch) clearImmortal() {
	b.clearImmortalNode((*immortalWeakHandle)(mheap_.immortalWeakHandles.root.Load()))
}

// clearImmortalNode goes down by the first child in a loop: the tree is not deeper
// than the bits of a hash but there (immortalWeakHandleMap.getOrAdd).
func (b *goauditBatch) clearImmortalNode(n *immortalWeakHandle) {
	for n != nil {
		if b.of(n.handle().Load()) != nil {
			n.handle().Store(0)
		}
		b.clearImmortalNode((*immortalWeakHandle)(n.children[1].Load()))
		n = (*immortalWeakHandle)(n.children[0].Load())
	}
}
