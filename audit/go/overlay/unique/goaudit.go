//go:build go1.23

package unique

// Maps of unique values, by type.  See goaudit_purge.go of package runtime.

import (
	"internal/abi"
	"unsafe"
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditMentions runtime.goauditMentions
func goauditMentions(t unsafe.Pointer) bool

//go:linkname goauditOwns runtime.goauditOwns
func goauditOwns(p unsafe.Pointer) bool

//go:linkname goauditUndo runtime.goauditUndo
func goauditUndo(put func())

func init() {
	goauditOnPurge(func() {
		uniqueMaps.All()(func(t *abi.Type, m any) bool {
			// A map for a library type may be of a type of the guest's: the
			// guest was the first to instantiate Make with it.
			dies := func() bool {
				return goauditMentions(unsafe.Pointer(t)) || goauditOwns(*(*unsafe.Pointer)(unsafe.Pointer(&m)))
			}
			if dies() && uniqueMaps.CompareAndDelete(t, m) {
				goauditUndo(func() {
					if !dies() {
						uniqueMaps.LoadOrStore(t, m)
					}
				})
			}
			return true
		})
		goauditPurgeCleanups()
	})
}

// The maps of common types are to be the library's own.
var _ = [...]any{Make(""), Make(0), Make(int64(0)), Make(uint64(0)), Make(false), Make[any](nil), Make[error](nil)}
