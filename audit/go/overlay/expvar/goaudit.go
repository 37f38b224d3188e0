package expvar

// Variables that a guest has published.  See goaudit_replace.go of package
// runtime.

import (
	"reflect"
	"sync"
	"unsafe"
)

//go:linkname goauditOnReplace runtime.goauditOnReplace
func goauditOnReplace(withdraw func() (restore func()))

//go:linkname goauditOwns runtime.goauditOwns
func goauditOwns(p unsafe.Pointer) bool

//go:linkname goauditDies reflect.goauditDies
func goauditDies(t reflect.Type) bool

//go:linkname goauditForget sync.goauditForget
func goauditForget(m *sync.Map)

func init() {
	goauditOnReplace(goauditWithdraw)
}

func goauditWithdraw() (restore func()) {
	taken := make(map[string]Var)
	vars.Do(func(kv KeyValue) {
		if goauditOwns(unsafe.Pointer(unsafe.StringData(kv.Key))) || goauditDies(reflect.TypeOf(kv.Value)) {
			taken[kv.Key] = kv.Value
		}
	})
	if len(taken) == 0 {
		return nil
	}
	for name := range taken {
		vars.Delete(name)
	}
	goauditForget(&vars.m)
	return func() {
		for name, v := range taken {
			vars.Set(name, v)
		}
	}
}
