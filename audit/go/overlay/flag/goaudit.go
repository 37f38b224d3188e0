package flag

// Flags of CommandLine: see goaudit_names.go of package sync.  The set has no lock: see
// goaudit_between.go there.

import "unsafe"

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditBetween runtime.goauditBetween
func goauditBetween(pkg string, fn func())

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

// goauditFlag is what is registered under a name.
type goauditFlag struct {
	formal, actual *Flag
}

var goauditFlags = goauditOnRegister(func(fn func()) bool {
	goauditBetween("flag.", fn)
	return true
}, func(name, value any) (old any) {
	key, c := name.(string), CommandLine
	if f := c.formal[key]; f != nil {
		old = goauditFlag{f, c.actual[key]}
	}
	delete(c.formal, key)
	delete(c.actual, key)
	if value != nil {
		f := value.(goauditFlag)
		c.formal[key] = f.formal
		if f.actual != nil {
			c.actual[key] = f.actual
		}
	}
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&CommandLine), unsafe.Sizeof(CommandLine), cache)
}

// goauditDup: may Var not define this flag?  If another one is to stay, *f becomes that,
// and the flag's variable gets its value.
func (set *FlagSet) goauditDup(f **Flag) bool {
	const add, refuse = 0, 1
	var old any
	there := set.formal[(*f).Name]
	if set != CommandLine {
		return there != nil
	}
	if there != nil {
		old = goauditFlag{there, set.actual[(*f).Name]}
	}
	switch goauditTake(goauditFlags, (*f).Name, old, 0) {
	case refuse:
		return true
	case add:
		delete(set.actual, (*f).Name)
		return false
	}
	if there != nil {
		switch (*f).Value.(type) {
		case *boolValue, *intValue, *int64Value, *uintValue, *uint64Value, *stringValue, *float64Value, *durationValue:
			(*f).Value.Set(there.Value.String())
		}
		*f = there
	}
	return false
}
