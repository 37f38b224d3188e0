//go:build goexperiment.jsonv2

package json

// Functions that marshal and unmarshal, by type.  encoding/json is built on
// this package and has no cache of its own.  See goaudit_purge.go of package
// runtime.

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
		lookupArshalerCache.Range(func(k, _ any) bool {
			if goauditDies(k.(reflect.Type)) {
				lookupArshalerCache.Delete(k)
			}
			return true
		})
	})
}
