package image

// Formats, of which the first one that matches decodes: see goaudit_names.go of package
// sync.

import "unsafe"

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var goauditFormats = goauditOnRegister(func(fn func()) bool {
	formatsMu.Lock()
	defer formatsMu.Unlock()
	fn()
	return true
}, func(name, value any) (old any) {
	formats, _ := atomicFormats.Load().([]format)
	i := goauditIndex(formats, name.(string))
	if i < len(formats) {
		old = formats[i]
	}
	if value != nil {
		atomicFormats.Store(goauditPut(formats, i, value.(format)))
	} else if old != nil {
		keep := make([]format, 0, len(formats)) // nothing stays behind its end
		atomicFormats.Store(append(append(keep, formats[:i]...), formats[i+1:]...))
	}
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&atomicFormats), unsafe.Sizeof(atomicFormats), cache)
}

func goauditName(f *format) string { return f.name + "\x00" + f.magic }

func goauditIndex(formats []format, name string) int {
	for i := range formats {
		if goauditName(&formats[i]) == name {
			return i
		}
	}
	return len(formats)
}

// goauditPut returns a copy with f at i.  Readers have no lock.
func goauditPut(formats []format, i int, f format) []format {
	formats = append([]format(nil), formats...)
	if i == len(formats) {
		return append(formats, f)
	}
	formats[i] = f
	return formats
}

// goauditAddFormat returns the list with a format more, or another one.  formatsMu is held.
func goauditAddFormat(formats []format, f format) []format {
	const add, first = 0, 2
	var old any
	name := goauditName(&f)
	i := goauditIndex(formats, name)
	if i < len(formats) {
		old = formats[i]
	}
	if goauditTake(goauditFormats, name, old, first) != add {
		return formats
	}
	return goauditPut(formats, i, f)
}
