//go:build !go1.26

package runtime

// Goroutines: one that waits on an extra M for a call from C is _Gdead.

const goauditDeadExtra = _Gdead
