package runtime

// Types of a guest and types that stay.
//
// A type that two modules know, like []string or func() error, has a descriptor in
// each, and everything that compares types does so by address: x.(T), the cases of a
// switch, keys of an interface type, reflect's ==, and getitab for the types of
// methods.  typelinksinit, for a program and its plugins, merges by offset only what
// goes by offset; direct words are left to the linker.  Here, before a guest's inits
// run, each of its types that is a lasting one (goaudit_lasting.go) is merged with
// that: in the type map, for what goes by offset, and by pointing the guest's
// relocated words to it.  So no value of such a type leads to a guest by its type.
//
// Which is the lasting type of a guest's type?
//
//	named	that of the same package and name, if the package is a library's, and
//		so are all packages in the type arguments.  typesEqual would not do: it
//		goes by structure, and a guest's example.com/p.T need not be the
//		program's
//	else	the one of the same kind that is made of the same lasting types.  If there
//		is none, package reflect makes it.  Not one with methods, which are those
//		of embedded fields: their code is the guest's, but for a pointer to a
//		struct whose first field they are of (reflect's goauditPointer)
//
// An instance of a library's generic type that no lasting module has is the guest's
// own for the same reason, and so is all that is made of it.
//
// The list of a guest's types (typelinks) is cut to its own: reflect looks types up
// there, and would find a copy that goes with the guest.

import (
	"internal/abi"
	"unsafe"
)

// goauditMerge is a merge under way.
type goauditMerge struct {
	md        *moduledata
	lasting   bool           // md is a lasting module: its own types are lasting ones
	libraries []goauditRange // those that md may be merged with, if limited
	limited   bool
	to        goauditTypemap // what has been answered; a type of md's own leads to itself
	made      []*_type
	hashes    []uint32 // of made
}

// goauditMergeNow is the one.  Under goauditMerging.
var goauditMergeNow *goauditMerge

// Package reflect's: makes or finds the type of lasting parts that is like t, or nil.
var goauditMakeType func(t unsafe.Pointer) unsafe.Pointer

// Package reflect's: gives types the hashes that the compiler has given them.
var goauditSetHashes func(types []*_type, hashes []uint32)

//go:linkname goauditOnMake
func goauditOnMake(makeType func(t unsafe.Pointer) unsafe.Pointer, setHashes func(types []*_type, hashes []uint32)) {
	goauditMakeType, goauditSetHashes = makeType, setHashes
}

// goauditMergeTypes returns the type map of md, and the list of its own types.
func goauditMergeTypes(md *moduledata, r *goauditRegisterReq) (typemap goauditTypemap, own []goauditTypelink) {
	links := goauditTypelinks(md)
	g := &goauditMerge{
		md:        md,
		lasting:   r.lasting != 0,
		libraries: unsafe.Slice(r.libraries, r.librariesN),
		limited:   r.limited != 0,
		to:        make(goauditTypemap, len(links)),
	}
	semacquire(&goauditMerging)
	goauditMergeNow = g
	if g.lasting {
		goauditAddPackages(md)
		goauditLasting.modules = append(goauditLasting.modules, md)
	}
	for _, l := range links {
		g.find(goauditLinkedType(md, l))
	}
	if len(g.made) != 0 {
		goauditSetHashes(g.made, g.hashes)
		for _, t := range g.made {
			goauditPutLasting(t)
		}
	}
	for _, l := range links {
		t := goauditLinkedType(md, l)
		if g.to[goauditTypemapKey(l)] != t {
			continue
		}
		own = append(own, l)
		if g.lasting {
			goauditPutLasting(t)
		}
	}
	goauditMergeNow = nil
	semrelease(&goauditMerging)
	return g.to, own
}

// goauditLastingPart is for goauditMakeType: the lasting type that a part of a type is.
//
//go:linkname goauditLastingPart
func goauditLastingPart(t unsafe.Pointer) unsafe.Pointer {
	return unsafe.Pointer(goauditMergeNow.find((*_type)(t)))
}

// find returns the lasting type that t is, or nil: t is a guest's own.
func (g *goauditMerge) find(t *_type) *_type {
	if !goauditHasType(g.md, unsafe.Pointer(t)) {
		if goauditLasts(t) {
			return t
		}
		return nil
	}
	key := goauditTypeKey(g.md, t)
	c := g.to[key]
	if c == nil {
		if t.TFlag&abi.TFlagNamed != 0 {
			c = g.named(t)
		} else if goauditParts(t, g.part) && goauditPrivate(t) {
			c = g.composed(t)
		}
		if c == nil {
			c = t
		}
		g.to[key] = c
	}
	if c == t && !g.lasting {
		return nil
	}
	return c
}

func (g *goauditMerge) part(t *_type) bool { return g.find(t) != nil }

func (g *goauditMerge) named(t *_type) *_type {
	x := &goauditLasting
	mask := uint32(len(x.slots) - 1)
	for h := t.Hash & mask; x.slots[h] != 0; h = (h + 1) & mask {
		c := (*_type)(unsafe.Pointer(x.slots[h]))
		if c.Hash == t.Hash && goauditSameName(t, c) && g.allowed(c) {
			return c
		}
	}
	return nil
}

// goauditSameName compares what tells named types from one another.  Two of one
// function each have different hashes: the compiler's names for them have a number.
func goauditSameName(t, c *_type) bool {
	if c.TFlag&abi.TFlagNamed == 0 || c.Kind() != t.Kind() || c.Size_ != t.Size_ ||
		toRType(c).string() != toRType(t).string() {
		return false
	}
	path := func(t *_type) string {
		if u := t.Uncommon(); u != nil && u.PkgPath != 0 {
			return toRType(t).nameOff(u.PkgPath).Name()
		}
		return ""
	}
	return path(c) == path(t)
}

// allowed: is c of the runtime library, of the program, or of a library that md needs?
// Libraries of guests that have nothing to do with each other may have different
// packages of one path.
func (g *goauditMerge) allowed(c *_type) bool {
	if !g.limited {
		return true
	}
	md := goauditModuleOf(c)
	if md == nil || md == &firstmoduledata || md.hasmain != 0 {
		return true
	}
	for _, r := range g.libraries {
		if uint64(md.text) >= r.lo && uint64(md.text) < r.hi {
			return true
		}
	}
	return false
}

// composed returns the type that is made of the same lasting types as t.
func (g *goauditMerge) composed(t *_type) *_type {
	x := &goauditLasting
	mask := uint32(len(x.slots) - 1)
	for h := t.Hash & mask; x.slots[h] != 0; h = (h + 1) & mask {
		c := (*_type)(unsafe.Pointer(x.slots[h]))
		if c.Hash == t.Hash && g.alike(t, c) {
			return c
		}
	}
	if t.Uncommon() != nil && t.Kind() != abi.Pointer || g.lasting || goauditMakeType == nil {
		return nil
	}
	c := (*_type)(goauditMakeType(unsafe.Pointer(t)))
	if c == nil || !goauditLasts(c) {
		return nil
	}
	g.made = append(g.made, c)
	g.hashes = append(g.hashes, t.Hash)
	return c
}

// goauditParts: is it so of all types that the unnamed type t is made of?
func goauditParts(t *_type, is func(*_type) bool) bool {
	switch t.Kind() {
	case abi.Array, abi.Chan, abi.Pointer, abi.Slice:
		return is(t.Elem())
	case abi.Map:
		return is(t.Key()) && is(t.Elem())
	case abi.Func:
		f := (*functype)(unsafe.Pointer(t))
		for _, p := range f.InSlice() {
			if !is(p) {
				return false
			}
		}
		for _, p := range f.OutSlice() {
			if !is(p) {
				return false
			}
		}
	case abi.Struct:
		st := (*structtype)(unsafe.Pointer(t))
		for i := range st.Fields {
			if !is(st.Fields[i].Typ) {
				return false
			}
		}
	case abi.Interface:
		it := (*interfacetype)(unsafe.Pointer(t))
		for i := range it.Methods {
			if !is(goauditMethodType(it, i)) {
				return false
			}
		}
	}
	return true
}

// The list of an interface type's methods may be another module's: the pointer to it is a
// symbol's address, which ld.so has bound to the first module that has the type.  Offsets
// in the list are that module's.
func goauditMethodType(it *interfacetype, i int) *_type {
	m := &it.Methods[i]
	return resolveTypeOff(unsafe.Pointer(m), m.Typ)
}

func goauditMethodName(it *interfacetype, i int) name {
	m := &it.Methods[i]
	return resolveNameOff(unsafe.Pointer(m), m.Name)
}

// goauditPrivate: are the packages libraries' whose unexported names t has?
func goauditPrivate(t *_type) bool {
	switch t.Kind() {
	case abi.Struct:
		st := (*structtype)(unsafe.Pointer(t))
		return st.PkgPath.Bytes == nil || goauditIsPackage(st.PkgPath.Name())
	case abi.Interface:
		it := (*interfacetype)(unsafe.Pointer(t))
		for i := range it.Methods {
			n := goauditMethodName(it, i)
			if !n.IsExported() && !goauditIsPackage(goauditMethodPackage(it, n)) {
				return false
			}
		}
	}
	return true
}

func goauditMethodPackage(it *interfacetype, n name) string {
	if n.IsExported() {
		return ""
	}
	if p := pkgPath(n); p != "" {
		return p
	}
	return it.PkgPath.Name()
}

// alike: has the lasting type c the structure of t, which is unnamed, with t's parts?
func (g *goauditMerge) alike(t, c *_type) bool {
	if c.TFlag&abi.TFlagNamed != 0 || c.Kind() != t.Kind() || c.Size_ != t.Size_ ||
		(c.Equal == nil) != (t.Equal == nil) || (c.Uncommon() == nil) != (t.Uncommon() == nil) {
		return false
	}
	switch t.Kind() {
	case abi.Array:
		return (*abi.ArrayType)(unsafe.Pointer(t)).Len == (*abi.ArrayType)(unsafe.Pointer(c)).Len &&
			g.find(t.Elem()) == c.Elem()
	case abi.Chan:
		return (*abi.ChanType)(unsafe.Pointer(t)).Dir == (*abi.ChanType)(unsafe.Pointer(c)).Dir &&
			g.find(t.Elem()) == c.Elem()
	case abi.Pointer, abi.Slice:
		return g.find(t.Elem()) == c.Elem()
	case abi.Map:
		return g.find(t.Key()) == c.Key() && g.find(t.Elem()) == c.Elem()
	case abi.Func:
		f, d := (*functype)(unsafe.Pointer(t)), (*functype)(unsafe.Pointer(c))
		return f.InCount == d.InCount && f.OutCount == d.OutCount &&
			g.all(f.InSlice(), d.InSlice()) && g.all(f.OutSlice(), d.OutSlice())
	case abi.Struct:
		return g.alikeStruct((*structtype)(unsafe.Pointer(t)), (*structtype)(unsafe.Pointer(c)))
	case abi.Interface:
		return g.alikeInterface((*interfacetype)(unsafe.Pointer(t)), (*interfacetype)(unsafe.Pointer(c)))
	}
	return false // unsafe.Pointer and the like have names
}

func (g *goauditMerge) all(ts, cs []*_type) bool {
	for i, t := range ts {
		if g.find(t) != cs[i] {
			return false
		}
	}
	return true
}

func (g *goauditMerge) alikeStruct(t, c *structtype) bool {
	if len(t.Fields) != len(c.Fields) || (t.PkgPath.Bytes == nil) != (c.PkgPath.Bytes == nil) ||
		t.PkgPath.Bytes != nil && t.PkgPath.Name() != c.PkgPath.Name() {
		return false
	}
	for i := range t.Fields {
		f, d := &t.Fields[i], &c.Fields[i]
		if f.Offset != d.Offset || f.Name.Name() != d.Name.Name() || f.Name.Tag() != d.Name.Tag() ||
			f.Name.IsEmbedded() != d.Name.IsEmbedded() || g.find(f.Typ) != d.Typ {
			return false
		}
	}
	return true
}

func (g *goauditMerge) alikeInterface(t, c *interfacetype) bool {
	if len(t.Methods) != len(c.Methods) {
		return false
	}
	for i := range t.Methods {
		n, m := goauditMethodName(t, i), goauditMethodName(c, i)
		if n.Name() != m.Name() || goauditMethodPackage(t, n) != goauditMethodPackage(c, m) ||
			g.find(goauditMethodType(t, i)) != goauditMethodType(c, i) {
			return false
		}
	}
	return true
}

// goauditLeadTypes points those of the words at these addresses that lead to a type
// of md to the lasting type that it is.  It returns how many.
func goauditLeadTypes(md *moduledata, typemap goauditTypemap, words []uint64) (n uint64) {
	for _, a := range words {
		slot := (*uintptr)(unsafe.Pointer(uintptr(a)))
		t := (*_type)(unsafe.Pointer(*slot))
		if !goauditHasType(md, unsafe.Pointer(t)) {
			continue
		}
		if c := typemap[goauditTypeKey(md, t)]; c != nil && c != t {
			*slot = uintptr(unsafe.Pointer(c))
			n++
		}
	}
	return
}

// goauditLeadItabs does the same for itabs, which are compared by address, too, and
// may outlive the guest that made a conversion.  error(err) with err a *fs.PathError
// uses an itab of the guest's if no lasting module makes this conversion; getitab then
// makes one, once for each pair.  An itab of a type of the guest's own stays.
func goauditLeadItabs(md *moduledata, words []uint64) (n uint64) {
	for _, a := range words {
		slot := (*uintptr)(unsafe.Pointer(uintptr(a)))
		inter, typ := goauditItabPair((*itab)(unsafe.Pointer(*slot)))
		if goauditHasType(md, unsafe.Pointer(inter)) || goauditHasType(md, unsafe.Pointer(typ)) {
			continue
		}
		if m := getitab(inter, typ, true); m != nil && uintptr(unsafe.Pointer(m)) != *slot {
			*slot = uintptr(unsafe.Pointer(m))
			n++
		}
	}
	return
}
