package runtime

// Types that stay.
//
// A lasting module is one that is never unlinked: the runtime library, a Go program,
// and the libraries of packages that programs and guests share.  Types are compared
// by address, so what passes between modules has to be described by one descriptor;
// a guest's words are led to that of a lasting module (goaudit_types.go), or to one
// that package reflect has made of lasting types and that never goes, either.
//
// The index finds such types by their hash, which depends on a type's name and
// structure, not on where it lies.  It is filled when a lasting module comes, which
// is at the start as a rule, and with each type that is made; a reload only reads it.
// Types that guests define are never in it.

import (
	"internal/abi"
	"unsafe"
)

// goauditMerging is a semaphore: one module's types are merged at a time, and what is
// below is used under it.  Package reflect's locks are taken after it.
var goauditMerging uint32 = 1

// goauditLasting is an open-addressing hash table of addresses.  They keep nothing
// alive: modules stay mapped, and reflect has the types that it has made in its caches.
var goauditLasting struct {
	slots   []uintptr
	n       int
	modules []*moduledata

	// Paths of the libraries' packages, as they are and as names of instances have
	// them.  The program's own are not among them: a guest's package of the same
	// path is another one.
	packages map[string]struct{}
}

// goauditStartLasting makes the index of the modules that are there from the start.
func goauditStartLasting() {
	semacquire(&goauditMerging)
	x := &goauditLasting
	if x.modules == nil {
		lock(&goauditLock)
		for _, m := range goauditModules {
			if m.pinned {
				x.modules = append(x.modules, m.md)
			}
		}
		unlock(&goauditLock)
		n := 0
		for _, md := range x.modules {
			goauditAddPackages(md)
			n += len(goauditTypelinks(md))
		}
		goauditGrowLasting(2 * n)
		for _, md := range x.modules {
			goauditAddLasting(md)
		}
	}
	semrelease(&goauditMerging)
}

// goauditAddPackages notes the packages of a library, by the types that they define.
func goauditAddPackages(md *moduledata) {
	x := &goauditLasting
	if x.packages == nil {
		x.packages = make(map[string]struct{})
	}
	if md.hasmain != 0 {
		return
	}
	last := ""
	for _, l := range goauditTypelinks(md) {
		t := goauditLinkedType(md, l)
		u := t.Uncommon()
		if u == nil || u.PkgPath == 0 || t.TFlag&abi.TFlagNamed == 0 {
			continue
		}
		path := toRType(t).nameOff(u.PkgPath).Name()
		if path == last {
			continue
		}
		last = path
		if _, ok := x.packages[path]; !ok {
			x.packages[path] = struct{}{}
			x.packages[goauditEscaped(path)] = struct{}{}
		}
	}
}

// goauditEscaped is cmd/internal/objabi.PathToPrefix.
func goauditEscaped(path string) string {
	const hex = "0123456789abcdef"
	slash := len(path)
	for slash > 0 && path[slash-1] != '/' {
		slash--
	}
	var b []byte
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c <= ' ' || c == '.' && i >= slash || c == '%' || c == '"' || c >= 0x7f {
			if b == nil {
				b = append(b, path[:i]...)
			}
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else if b != nil {
			b = append(b, c)
		}
	}
	if b == nil {
		return path
	}
	return string(b)
}

// goauditAddLasting enters the types of a lasting module.  Where a module before it
// has the type, too, that one's is the one.
func goauditAddLasting(md *moduledata) {
	for _, l := range goauditTypelinks(md) {
		t := goauditLinkedType(md, l)
		if c := md.typemap[goauditTypemapKey(l)]; c != nil {
			t = c
		}
		if md.hasmain == 0 || t.TFlag&abi.TFlagNamed == 0 || goauditOfPackages(t) {
			goauditPutLasting(t)
		}
	}
}

// goauditOfPackages: is the named type t of a library's package, as all its type
// arguments are?
func goauditOfPackages(t *_type) bool {
	u := t.Uncommon()
	if u == nil || u.PkgPath == 0 {
		return true // a basic one
	}
	return goauditIsPackage(toRType(t).nameOff(u.PkgPath).Name()) && goauditArguments(toRType(t).string())
}

func goauditIsPackage(path string) bool {
	_, ok := goauditLasting.packages[path]
	return ok
}

// goauditArguments looks at the names between the brackets of an instance's name,
// which have paths of packages in front: are they all of libraries?  What is no name
// but has a dot (in a tag) is taken for one of another package.
func goauditArguments(name string) bool {
	at := 0
	for at < len(name) && name[at] != '[' {
		at++
	}
	word := at
	for ; at < len(name); at++ {
		switch name[at] {
		case '[', ']', '(', ')', '{', '}', '*', ',', ';', ' ':
			if !goauditArgument(name[word:at]) {
				return false
			}
			word = at + 1
		}
	}
	return true
}

func goauditArgument(word string) bool {
	for len(word) > 0 && word[0] == '.' { // of "..."
		word = word[1:]
	}
	for i := len(word) - 1; i >= 0; i-- {
		if word[i] == '.' {
			return goauditIsPackage(word[:i])
		}
	}
	return true
}

// goauditPutLasting enters t unless it is there.
func goauditPutLasting(t *_type) {
	x := &goauditLasting
	if 2*(x.n+1) > len(x.slots) {
		goauditGrowLasting(2*len(x.slots) + 2)
	}
	mask := uint32(len(x.slots) - 1)
	h := t.Hash & mask
	for x.slots[h] != 0 {
		if x.slots[h] == uintptr(unsafe.Pointer(t)) {
			return
		}
		h = (h + 1) & mask
	}
	x.slots[h] = uintptr(unsafe.Pointer(t))
	x.n++
}

func goauditGrowLasting(least int) {
	x := &goauditLasting
	size := 1
	for size < least {
		size *= 2
	}
	old := x.slots
	x.slots, x.n = make([]uintptr, size), 0
	for _, p := range old {
		if p != 0 {
			goauditPutLasting((*_type)(unsafe.Pointer(p)))
		}
	}
}

// goauditLasts: is t a type of a lasting module, or one that reflect has made?
func goauditLasts(t *_type) bool {
	return goauditModuleOf(t) != nil || spanOf(uintptr(unsafe.Pointer(t))) != nil
}

// goauditModuleOf returns the lasting module that t lies in, or nil.
func goauditModuleOf(t *_type) *moduledata {
	for _, md := range goauditLasting.modules {
		if goauditHasType(md, unsafe.Pointer(t)) {
			return md
		}
	}
	return nil
}
