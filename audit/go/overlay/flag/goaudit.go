package flag

// Flags that a guest has defined on the command line's set, in a package init.
// See goaudit_replace.go and goaudit_purge.go of package runtime.

import (
	"reflect"
	"unsafe"
)

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditOnReplace runtime.goauditOnReplace
func goauditOnReplace(withdraw func() (restore func()))

//go:linkname goauditUndo runtime.goauditUndo
func goauditUndo(put func())

//go:linkname goauditOwns runtime.goauditOwns
func goauditOwns(p unsafe.Pointer) bool

//go:linkname goauditDies reflect.goauditDies
func goauditDies(t reflect.Type) bool

func init() {
	goauditOnPurge(func() {
		if restore := goauditWithdraw(); restore != nil {
			goauditUndo(restore)
		}
	})
	goauditOnReplace(goauditWithdraw)
}

// goauditOwned: a flag is a guest's if its name or usage is a literal of the
// guest's, or its value is of a type of the guest's.
func goauditOwned(f *Flag) bool {
	return goauditOwns(unsafe.Pointer(unsafe.StringData(f.Name))) ||
		goauditOwns(unsafe.Pointer(unsafe.StringData(f.Usage))) ||
		goauditDies(reflect.TypeOf(f.Value))
}

func goauditWithdraw() (restore func()) {
	c := CommandLine
	formal, actual := make(map[string]*Flag), make(map[string]*Flag)
	for name, f := range c.formal {
		if goauditOwned(f) {
			formal[name] = f
			delete(c.formal, name)
		}
	}
	for name, f := range c.actual {
		if goauditOwned(f) {
			actual[name] = f
			delete(c.actual, name)
		}
	}
	if len(formal) == 0 {
		return nil
	}
	return func() {
		for name, f := range formal {
			if !goauditOwned(f) {
				c.formal[name] = f
			}
		}
		for name, f := range actual {
			if !goauditOwned(f) {
				c.actual[name] = f
			}
		}
	}
}
