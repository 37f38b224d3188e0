package flag

// Flags that a guest has defined on the command line's set, in a package init.
// See goaudit_replace.go and goaudit_purge.go of package runtime.  The set has no
// lock: see goaudit_between.go there.

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

//go:linkname goauditBetween runtime.goauditBetween
func goauditBetween(pkg string, fn func())

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
	if len(c.formal) == 0 { // the guests' own ones have long been counted
		return nil
	}
	formal, actual := make(map[string]*Flag), make(map[string]*Flag)
	goauditBetween("flag.", func() {
		goauditMoveOwned(c.formal, formal)
		goauditMoveOwned(c.actual, actual)
	})
	if len(formal) == 0 {
		return nil
	}
	return func() {
		goauditBetween("flag.", func() {
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
		})
	}
}

func goauditMoveOwned(from, to map[string]*Flag) {
	for name, f := range from {
		if goauditOwned(f) {
			to[name] = f
			delete(from, name)
		}
	}
}
