//go:build go1.23 && !go1.25

package unique

import "unsafe"

// goauditPurgeCleanups drops the cleanup functions of the guests' maps.  No
// cleanup runs while cleanupMu is held, so none goes on with the old list.
func goauditPurgeCleanups() {
	cleanupMu.Lock()
	defer cleanupMu.Unlock()
	cleanupFuncsMu.Lock()
	defer cleanupFuncsMu.Unlock()
	var keep []func()
	for _, f := range cleanupFuncs {
		dies := func() bool { return goauditOwns(**(**unsafe.Pointer)(unsafe.Pointer(&f))) }
		if !dies() {
			keep = append(keep, f)
			continue
		}
		goauditUndo(func() {
			cleanupFuncsMu.Lock()
			if !dies() {
				cleanupFuncs = append(cleanupFuncs, f)
			}
			cleanupFuncsMu.Unlock()
		})
	}
	cleanupFuncs = keep
}
