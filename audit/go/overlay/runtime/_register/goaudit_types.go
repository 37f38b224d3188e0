package runtime

// Types of a guest and types of the runtime library.
//
// A type that two modules know, like []string or func() error, has a
// descriptor in each.  References by symbol are bound to the library's one,
// but a method's type is an offset from its own module's types, and leads to
// the guest's copy.  getitab compares method types by address, so without a
// type map fmt would not find that a guest's type has a String method.
//
// typelinksinit merges equal types of all modules, each with those before it.
// Here a guest's types are merged with the runtime library's only: that one
// stays, where another guest may be unmapped while this one still points to
// it.  Types the library does not have are not in the map at all; resolveTypeOff
// then takes the module's own.
//
// The library has some ten thousand types.  They are indexed by hash once, in
// a table without pointers.

// goauditTypeIndex is an open-addressing hash table of the runtime library's
// types: numbers into goauditTypelinks(&firstmoduledata), plus one.
var goauditTypeIndex []uint32

// goauditIndexTypes makes the index.  goauditLock must be held.
func goauditIndexTypes() {
	if goauditTypeIndex != nil {
		return
	}
	md := &firstmoduledata
	links := goauditTypelinks(md)
	size := 1
	for size < 2*len(links) {
		size *= 2
	}
	index := make([]uint32, size)
	mask := uint32(size - 1)
	for i, l := range links {
		h := goauditLinkedType(md, l).Hash & mask
		for index[h] != 0 {
			h = (h + 1) & mask
		}
		index[h] = uint32(i + 1)
	}
	goauditTypeIndex = index
}

// goauditLibraryType returns the runtime library's type that equals t, or nil.
func goauditLibraryType(links []goauditTypelink, t *_type) *_type {
	mask := uint32(len(goauditTypeIndex) - 1)
	for h := t.Hash & mask; goauditTypeIndex[h] != 0; h = (h + 1) & mask {
		c := goauditLinkedType(&firstmoduledata, links[goauditTypeIndex[h]-1])
		if c.Hash == t.Hash && typesEqual(t, c, map[_typePair]struct{}{}) {
			return c
		}
	}
	return nil
}

// goauditMergeTypes returns the type map of md.
func goauditMergeTypes(md *moduledata) goauditTypemap {
	lib := goauditTypelinks(&firstmoduledata)
	links := goauditTypelinks(md)
	typemap := make(goauditTypemap, len(links))
	for _, l := range links {
		if c := goauditLibraryType(lib, goauditLinkedType(md, l)); c != nil {
			typemap[goauditTypemapKey(l)] = c
		}
	}
	return typemap
}
