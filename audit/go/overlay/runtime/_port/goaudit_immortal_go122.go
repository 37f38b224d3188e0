//go:build !go1.25

package runtime

// Weak pointers to variables of modules: there are none (getWeakHandle throws).

func (b *goauditBatch) clearImmortal() {}
