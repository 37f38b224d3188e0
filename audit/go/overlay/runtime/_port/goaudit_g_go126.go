//go:build go1.26

package runtime

// Goroutines: one that waits on an extra M for a call from C has a status of
// its own.

const goauditDeadExtra = _Gdeadextra
