package sql

// Drivers: see goaudit_names.go of package sync.

import (
	"database/sql/driver"
	"unsafe"
)

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var goauditDrivers = goauditOnRegister(func(fn func()) bool {
	driversMu.Lock()
	defer driversMu.Unlock()
	fn()
	return true
}, func(name, value any) (old any) {
	key := name.(string)
	if d, ok := drivers[key]; ok {
		old = d
	}
	if value != nil {
		drivers[key] = value.(driver.Driver)
	} else {
		delete(drivers, key)
	}
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&drivers), unsafe.Sizeof(drivers), cache)
}

// goauditDup: may Register not put the driver under this name?  If another one is to
// stay, *d becomes that.  driversMu is held.
func goauditDup(name string, d *driver.Driver) bool {
	const refuse, leave = 1, 2
	var old any
	if d, ok := drivers[name]; ok {
		old = d
	}
	switch goauditTake(goauditDrivers, name, old, 0) {
	case refuse:
		return true
	case leave:
		if old, ok := old.(driver.Driver); ok {
			*d = old
		}
	}
	return false
}
