//go:build !go1.25

package runtime

import "unsafe"

// Memory: sysAlloc takes no name, the arenas are in allArenas.

func goauditSysAlloc(n uintptr) unsafe.Pointer {
	return sysAlloc(n, &memstats.other_sys)
}

func goauditArenas() []arenaIdx { return mheap_.allArenas }
