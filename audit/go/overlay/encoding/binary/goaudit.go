package binary

// Sizes of structs, by type.  See goaudit_purge.go of package runtime.

import (
	"reflect"
	_ "unsafe" // for linkname
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditDies reflect.goauditDies
func goauditDies(t reflect.Type) bool

func init() {
	goauditOnPurge(func() {
		structSize.Range(func(k, _ any) bool {
			if goauditDies(k.(reflect.Type)) {
				structSize.Delete(k)
			}
			return true
		})
	})
}
