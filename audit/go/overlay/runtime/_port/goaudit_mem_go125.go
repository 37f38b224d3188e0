//go:build go1.25

package runtime

import "unsafe"

// Memory: sysAlloc names the mapping, the arenas are in heapArenas.

func goauditSysAlloc(n uintptr) unsafe.Pointer {
	return sysAlloc(n, &memstats.other_sys, "module pointer masks")
}

func goauditArenas() []arenaIdx { return mheap_.heapArenas }

func goauditSysReserve(n uintptr) unsafe.Pointer { return sysReserve(nil, n, "ghosts of functions") }

func goauditSysMap(p unsafe.Pointer, n uintptr) {
	sysMap(p, n, &memstats.buckhash_sys, "ghosts of functions")
	sysUsed(p, n, n)
}
