package mime

// Types of extensions, of which the last one counts: see goaudit_names.go of package
// sync.

import (
	"strings"
	"sync"
	_ "unsafe" // for linkname
)

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

var goauditMu sync.Mutex

var goauditTypes = goauditOnRegister(func(fn func()) bool {
	goauditMu.Lock()
	defer goauditMu.Unlock()
	fn()
	return true
}, func(name, value any) any {
	ext := name.(string)
	old, _ := mimeTypes.Load(ext)
	if old != nil {
		goauditRemove(ext, old.(string))
	}
	if value != nil {
		setExtensionType(ext, value.(string))
	}
	return old
})

// goauditRemove undoes setExtensionType.
func goauditRemove(ext, typ string) {
	lower := strings.ToLower(ext)
	mimeTypes.Delete(ext)
	mimeTypesLower.Delete(lower)
	justType, _, err := ParseMediaType(typ)
	if err != nil {
		return
	}
	extensionsMu.Lock()
	defer extensionsMu.Unlock()
	ei, _ := extensions.Load(justType)
	exts, _ := ei.([]string)
	keep := make([]string, 0, len(exts))
	for _, e := range exts {
		if e != lower {
			keep = append(keep, e)
		}
	}
	if len(keep) == 0 {
		extensions.Delete(justType)
	} else {
		extensions.Store(justType, keep)
	}
}

func goauditAdd(ext, typ string) error {
	const add, over = 0, 1
	if _, _, err := ParseMediaType(typ); err != nil {
		return err
	}
	ext, typ = strings.Clone(ext), strings.Clone(typ)
	goauditMu.Lock()
	defer goauditMu.Unlock()
	old, _ := mimeTypes.Load(ext)
	if goauditTake(goauditTypes, ext, old, over) != add {
		return nil
	}
	return setExtensionType(ext, typ)
}
