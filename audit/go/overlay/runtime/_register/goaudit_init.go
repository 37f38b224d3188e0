package runtime

// A guest becomes a module.
//
// dlopen has run the guest's constructors, and the C side has caught its
// moduledata on the way to addmoduledata.  Put on the list that starts at
// firstmoduledata, it lets stack walks find the guest's functions.  Nothing
// else knows it: the collector looks at modulesSlice, dynamic interface
// conversions at itabTable and typemaps.  Registration fills those, for this
// one module:
//
//  1. Pointer masks of data and bss.  modulesinit would take them from
//     persistentalloc, which never frees; here they are pages of their own.
//  2. Its types are merged with those that stay, and its words led to them
//     (goaudit_types.go); the list of assertion caches (goaudit_cache.go).  Package
//     reflect is asked, so no lock of the runtime's is held.
//  3. Under goauditLock: pin the type map, publish the module in modulesSlice,
//     add its itabs.  A cycle that is marking does not see a module published
//     now: markrootPrepare has counted the roots.  That is well, as plugin.Open
//     relies on it too: the module's data leads to no heap object yet, and
//     whatever its code stores there passes the write barrier.
//
// The C side has made the module's words writable meanwhile, and protects them again
// before its package inits run: goauditInit is a request of its own.  They run on this
// thread and without any lock: they may block, call C, open and initialise another
// guest.

import (
	"internal/goarch"
	"unsafe"
)

func goauditRegister(p unsafe.Pointer) {
	r := (*goauditRegisterReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	r.led, r.mergeNs = 0, 0
	start := nanotime()
	md := (*moduledata)(unsafe.Pointer(uintptr(r.module)))
	listed := md == nil
	if listed {
		md = goauditFind(r.lo, r.hi)
	}
	r.verdict = goauditNotFound
	if md != nil {
		r.verdict = goauditOK
		goauditEnter(md, listed, r)
	}
	r.registerNs = uint64(nanotime() - start)
}

func goauditInit(p unsafe.Pointer) {
	r := (*goauditInitReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	r.text[0] = 0
	r.stack = 0
	start := nanotime()
	md := goauditFind(r.lo, r.hi)
	lock(&goauditLock)
	m := goauditRecord(md)
	again := m != nil && m.begun
	if m != nil {
		m.begun = true
	}
	unlock(&goauditLock)
	switch {
	case m == nil:
		r.verdict = goauditNotFound
		return
	case again:
		r.verdict = goauditOK
		return
	}
	m.older = goauditOlder(unsafe.Slice(r.others, r.othersN))
	r.begun = 1
	r.verdict, r.stack = goauditRunInits(md, r.text[:])
	if r.verdict != goauditOK {
		goauditEndTakeOver(m, true)
	}
	r.initNs = uint64(nanotime() - start)
	lock(&goauditLock)
	m.busy = false
	unlock(&goauditLock)
}

// goauditEnter enters md into the tables of the runtime, and on the module list
// unless it is there.  Nothing is done if all that has been done before.
func goauditEnter(md *moduledata, listed bool, r *goauditRegisterReq) {
	m := &goauditModule{
		md:      md,
		lo:      uintptr(r.lo),
		hi:      uintptr(r.hi),
		name:    goauditTextCopy(r.name, r.nameN),
		file:    goauditTextCopy(r.file, r.fileN),
		caches:  goauditFindCaches(md),
		modinfo: goauditTextAt(r.modinfo, r.modinfoN),
		lists:   r.lists != 0,
		pinned:  r.lasting != 0,
		busy:    true,
	}
	lock(&goauditLock)
	known := goauditRecord(md) != nil
	if !known {
		goauditNumber++
		m.number = goauditNumber
		goauditModules = append(goauditModules, m)
		if !listed {
			goauditLink(md) // before the merge: names are looked up by the list
		}
	}
	unlock(&goauditLock)
	if known {
		return
	}

	goauditMakeMasks(md)
	start := nanotime()
	typemap, own := goauditMergeTypes(md, r)
	r.mergeNs = uint64(nanotime() - start)
	r.led = goauditLeadTypes(md, typemap, unsafe.Slice(r.types, r.typesN))
	m.own = own
	goauditSetTypelinks(md, own)
	r.led += goauditLeadItabs(md, unsafe.Slice(r.itabs, r.itabsN))

	lock(&goauditLock)
	md.typemap = typemap
	pinnedTypemaps = append(pinnedTypemaps, typemap)
	old := activeModules()
	mods := new([]*moduledata)
	*mods = make([]*moduledata, len(old)+1)
	copy(*mods, old)
	(*mods)[len(old)] = md
	atomicstorep(unsafe.Pointer(&modulesSlice), unsafe.Pointer(mods))
	gcController.addGlobals(int64(md.edata - md.data + md.ebss - md.bss))
	goauditAddItabs(md)
	unlock(&goauditLock)
}

// goauditMaskBytes returns the sizes of the pointer masks of data and bss, each
// with a byte more for the sentinel that shows an overflow.
func goauditMaskBytes(md *moduledata) (data, bss uintptr) {
	data = alignUp((md.edata-md.data)/goarch.PtrSize/8+2, 8)
	bss = (md.ebss-md.bss)/goarch.PtrSize/8 + 2
	return
}

// goauditMakeMasks does what progToPointerMask does, in memory that can be
// freed.  Both masks share one allocation; the data mask is its start.
func goauditMakeMasks(md *moduledata) {
	nd, nb := goauditMaskBytes(md)
	x := goauditSysAlloc(alignUp(nd+nb, physPageSize))
	md.gcdatamask = goauditMask(md.gcdata, x, nd)
	md.gcbssmask = goauditMask(md.gcbss, add(x, nd), nb)
}

func goauditMask(prog uintptr, x unsafe.Pointer, n uintptr) bitvector {
	end := (*byte)(add(x, n-1))
	*end = 0xa1
	bits := runGCProg((*byte)(unsafe.Pointer(prog)), (*byte)(x))
	if *end != 0xa1 {
		throw("goaudit: pointer mask overflow")
	}
	return bitvector{int32(bits), (*byte)(x)}
}

// goauditFreeMasks frees them.  The module is off modulesSlice, and no cycle
// that still knew it is marking.
func goauditFreeMasks(md *moduledata) {
	nd, nb := goauditMaskBytes(md)
	x := unsafe.Pointer(md.gcdatamask.bytedata)
	md.gcdatamask, md.gcbssmask = bitvector{}, bitvector{}
	sysFree(x, alignUp(nd+nb, physPageSize), &memstats.other_sys)
}
