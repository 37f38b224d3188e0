package sync

// Pools in the data of a guest.  The runtime empties all pools at the start of
// each collection (poolCleanup), and finds them through allPools and oldPools.
// See goaudit_purge.go of package runtime.

import "unsafe"

//go:linkname goauditOnStop runtime.goauditOnStop
func goauditOnStop(drop func())

//go:linkname goauditOwns runtime.goauditOwns
func goauditOwns(p unsafe.Pointer) bool

func init() {
	// The world is stopped, as for poolCleanup.
	goauditOnStop(func() {
		allPools = goauditDropPools(allPools)
		oldPools = goauditDropPools(oldPools)
	})
}

func goauditDropPools(pools []*Pool) []*Pool {
	keep := pools[:0]
	for _, p := range pools {
		if !goauditOwns(unsafe.Pointer(p)) {
			keep = append(keep, p)
		}
	}
	clear(pools[len(keep):])
	return keep
}
