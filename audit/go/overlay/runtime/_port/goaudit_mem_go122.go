//go:build !go1.25

package runtime

import "unsafe"

// Memory: sysAlloc takes no name, the arenas are in allArenas.

func goauditSysAlloc(n uintptr) unsafe.Pointer {
	return sysAlloc(n, &memstats.other_sys)
}

func goauditArenas() []arenaIdx { return mheap_.allArenas }

func goauditSysReserve(n uintptr) unsafe.Pointer { return sysReserve(nil, n) }

func goauditSysMap(p unsafe.Pointer, n uintptr) {
	sysMap(p, n, &memstats.buckhash_sys)
	sysUsed(p, n, n)
}
