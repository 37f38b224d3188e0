//go:build go1.25

package runtime

import "unsafe"

// Memory: sysAlloc names the mapping, the arenas are in heapArenas.

func goauditSysAlloc(n uintptr) unsafe.Pointer {
	return sysAlloc(n, &memstats.other_sys, "module pointer masks")
}

func goauditArenas() []arenaIdx { return mheap_.heapArenas }
