//go:build !goexperiment.jsonv2

package json

// Encoders and fields of structs, by type.  See goaudit_purge.go of package
// runtime.

import (
	"reflect"
	"sync"
	_ "unsafe" // for linkname
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditDies reflect.goauditDies
func goauditDies(t reflect.Type) bool

func init() {
	goauditOnPurge(func() {
		for _, m := range [...]*sync.Map{&encoderCache, &fieldCache} {
			m.Range(func(k, _ any) bool {
				if goauditDies(k.(reflect.Type)) {
					m.Delete(k)
				}
				return true
			})
		}
	})
}
