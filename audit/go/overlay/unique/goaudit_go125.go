//go:build go1.25

package unique

// goauditPurgeCleanups: the maps clean up by themselves.
func goauditPurgeCleanups() {}
