package runtime

// Ghosts: functions of gone guests keep their names in profiles.
//
// The buckets of the heap, block and mutex profiles hold program counters, and are
// never freed (stkbucket).  Names are looked up when a profile is written, so the
// guest that lies at such an address by then would answer, or nobody.  In the stop
// that commits an unlink each function that is remembered becomes a ghost: it gets an
// address of its own, at which nothing is ever mapped, and a copy of the tables that
// lead from there to function, file and line, inlined calls too.  Whoever remembers
// the function is led there.  The runtime's own lookups then work as they are, and what
// the next guest allocates at the old address makes buckets of its own.  A ghost's name
// ends in the generation it is of.
//
// All ghosts are one module, the last one of the list: stack walks look at it when no
// other module has the address.  Its tables grow in place, in the stop.  It has no
// types and no data, and bad keeps it out of modulesSlice.  Nothing of it is freed,
// as the buckets are not; what no bucket mentions has no ghost.
//
// Besides buckets: the creator of a goroutine, of a thread, and the stack of a runtime
// lock's contention that has no bucket yet.  Profiles that are being recorded are
// goaudit_profile.go's.

import (
	"internal/abi"
	"unsafe"
)

// Address space that is reserved for ghosts, and how much of a table is made usable
// at a time.
const (
	goauditGhostText  = 1 << 30
	goauditGhostTable = 64 << 20
	goauditGhostStep  = 64 << 10

	// abi.FuncTabBucketSize; pcbucketsize in 1.22
	goauditFindBucket = 256 * 16
)

// goauditTable is a table that grows and stays where it is.
type goauditTable[T any] struct {
	base   uintptr
	n      uintptr // entries
	usable uintptr // bytes
}

// fits makes room for n entries more.
func (t *goauditTable[T]) fits(n int) bool {
	var e T
	want := (t.n + uintptr(n)) * unsafe.Sizeof(e)
	if want > goauditGhostTable {
		return false
	}
	if t.base == 0 {
		if t.base = uintptr(goauditSysReserve(goauditGhostTable)); t.base == 0 {
			return false
		}
	}
	if want > t.usable {
		step := alignUp(want-t.usable, goauditGhostStep)
		goauditSysMap(unsafe.Pointer(t.base+t.usable), step)
		t.usable += step
	}
	return true
}

func (t *goauditTable[T]) all() []T {
	return unsafe.Slice((*T)(unsafe.Pointer(t.base)), t.n)
}

// add appends what fits, and returns where it is.
func (t *goauditTable[T]) add(s ...T) uint32 {
	at := t.n
	t.n += uintptr(len(s))
	copy(t.all()[at:], s)
	return uint32(at)
}

// Ghosts of all guests.  Written in a stop only.
var goauditGhosts struct {
	names, files, pctab, funcs, inlined goauditTable[byte]
	cu                                  goauditTable[uint32]
	ftab                                goauditTable[functab]
	find                                goauditTable[findfuncbucket]

	text, size uintptr
	fileAt     map[string]uint32 // of names that lie in files
}

var goauditGhostModule moduledata

// goauditFindBuckets is how many of findfunctab a text of n bytes has.
func goauditFindBuckets(n uintptr) uintptr { return (n + goauditFindBucket - 1) / goauditFindBucket }

// goauditGhostsReady begins the module.
func goauditGhostsReady() bool {
	g, md := &goauditGhosts, &goauditGhostModule
	if md.text != 0 {
		return true
	}
	if g.text == 0 {
		if g.text = uintptr(goauditSysReserve(goauditGhostText)); g.text == 0 {
			return false
		}
		g.fileAt = make(map[string]uint32)
	}
	if !g.names.fits(1) || !g.files.fits(1) || !g.pctab.fits(1) || !g.funcs.fits(1) ||
		!g.inlined.fits(1) || !g.cu.fits(1) || !g.ftab.fits(1) || !g.find.fits(1) {
		return false
	}
	// An offset of 0 stands for none.
	g.names.add(0)
	g.files.add(0)
	g.pctab.add(0)
	g.ftab.add(functab{})
	md.pcHeader = firstmoduledata.pcHeader
	md.findfunctab, md.gofunc = g.find.base, g.inlined.base
	md.bad = true
	md.text, md.minpc = g.text, g.text
	md.etext, md.maxpc = g.text, g.text
	lock(&goauditLock)
	lastmoduledatap.next = md
	lastmoduledatap = md
	unlock(&goauditLock)
	return true
}

// goauditGhostsGrown: all that has been added can be found.
func goauditGhostsGrown() {
	g, md := &goauditGhosts, &goauditGhostModule
	md.funcnametab, md.filetab, md.cutab = g.names.all(), g.files.all(), g.cu.all()
	md.pctab, md.pclntable, md.ftab = g.pctab.all(), g.funcs.all(), g.ftab.all()
	md.etext, md.maxpc = g.text+g.size, g.text+g.size
}

// goauditGhost is a function that is to become one.
type goauditGhost struct {
	f                  funcInfo
	size               uint32 // of its code
	file, line, inline []byte // its tables
	files, calls       int    // how many the tables mention
	tree               *[1 << 20]inlinedCall
}

// goauditPCTable returns a table's bytes, and one more than its greatest value.
func goauditPCTable(f funcInfo, off uint32) (table []byte, n int) {
	if off == 0 {
		return nil, 0
	}
	pc, val := f.entry(), int32(-1)
	all := f.datap.pctab[off:]
	for p := all; ; {
		q, more := step(p, &pc, &val, pc == f.entry())
		if !more {
			return all[:len(all)-len(p)+1], n
		}
		n = max(n, int(val)+1)
		p = q
	}
}

func goauditMakeGhost(f funcInfo, size uint32) (g goauditGhost) {
	g.f, g.size = f, size
	g.file, g.files = goauditPCTable(f, f.pcfile)
	g.line, _ = goauditPCTable(f, f.pcln)
	tree := funcdata(f, abi.FUNCDATA_InlTree)
	if tree == nil || f.npcdata <= abi.PCDATA_InlTreeIndex {
		return g
	}
	g.inline, g.calls = goauditPCTable(f, pcdatastart(f, abi.PCDATA_InlTreeIndex))
	g.tree = (*[1 << 20]inlinedCall)(tree)
	return g
}

// name reads what funcName takes for no name, an offset of 0, too.
func (g *goauditGhost) name(off int32) string { return gostringnocopy(&g.f.datap.funcnametab[off]) }

// fileName returns the i-th file of the tables, "" if there is none.
func (g *goauditGhost) fileName(i int) string {
	off := g.f.datap.cutab[g.f.cuOffset+uint32(i)]
	if off == ^uint32(0) {
		return ""
	}
	return gostringnocopy(&g.f.datap.filetab[off])
}

const goauditGhostData = abi.PCDATA_InlTreeIndex + 1 + abi.FUNCDATA_InlTree + 1

type goauditGhostFunc struct {
	f    [unsafe.Sizeof(_func{})]byte
	data [goauditGhostData]uint32
}

// fits: is there room for all of it?
func (g *goauditGhost) fits(mark string) bool {
	t := &goauditGhosts
	names, files := len(g.name(g.f.nameOff))+len(mark)+1, 0
	for i := 0; i < g.calls; i++ {
		names += len(g.name(g.tree[i].nameOff)) + len(mark) + 1
	}
	for i := 0; i < g.files; i++ {
		files += len(g.fileName(i)) + 1
	}
	buckets := goauditFindBuckets(t.size+uintptr(g.size)) - t.find.n
	return t.size+uintptr(g.size) < goauditGhostText && t.names.fits(names) && t.files.fits(files) &&
		t.pctab.fits(len(g.file)+len(g.line)+len(g.inline)) && t.cu.fits(g.files) && t.ftab.fits(1) &&
		t.funcs.fits(int(unsafe.Sizeof(goauditGhostFunc{}))) && t.find.fits(int(buckets)) &&
		t.inlined.fits(g.calls*int(unsafe.Sizeof(inlinedCall{})))
}

func goauditGhostName(name, mark string) int32 {
	if name == "" {
		return 0
	}
	names := &goauditGhosts.names
	at := names.add(unsafe.Slice(unsafe.StringData(name), len(name))...)
	names.add(unsafe.Slice(unsafe.StringData(mark), len(mark))...)
	names.add(0)
	return int32(at)
}

func goauditGhostFile(name string) uint32 {
	t := &goauditGhosts
	if name == "" {
		return ^uint32(0)
	}
	at, known := t.fileAt[name]
	if !known {
		at = t.files.add(unsafe.Slice(unsafe.StringData(name), len(name))...)
		t.files.add(0)
		t.fileAt[unsafe.String(&t.files.all()[at], len(name))] = at
	}
	return at
}

func goauditGhostPCTable(table []byte) uint32 {
	if len(table) == 0 {
		return 0
	}
	return goauditGhosts.pctab.add(table...)
}

// put adds it to the module, and returns where its text begins there.
func (g *goauditGhost) put(mark string) uint32 {
	t := &goauditGhosts
	entry := uint32(t.size)
	cu := uint32(t.cu.n)
	for i := 0; i < g.files; i++ {
		t.cu.add(goauditGhostFile(g.fileName(i)))
	}
	tree := ^uint32(0)
	for i := 0; i < g.calls; i++ {
		call := g.tree[i]
		call.nameOff = goauditGhostName(g.name(call.nameOff), mark)
		at := t.inlined.add((*[unsafe.Sizeof(call)]byte)(unsafe.Pointer(&call))[:]...)
		tree = min(tree, at)
	}
	var fn goauditGhostFunc
	fn.f = *(*[unsafe.Sizeof(_func{})]byte)(unsafe.Pointer(g.f._func))
	f := (*_func)(unsafe.Pointer(&fn))
	f.entryOff, f.cuOffset = entry, cu
	f.nameOff = goauditGhostName(g.name(g.f.nameOff), mark)
	f.pcsp, f.deferreturn, f.args = 0, 0, 0
	f.pcfile, f.pcln = goauditGhostPCTable(g.file), goauditGhostPCTable(g.line)
	f.npcdata, f.nfuncdata = abi.PCDATA_InlTreeIndex+1, abi.FUNCDATA_InlTree+1
	for i := range fn.data {
		if fn.data[i] = ^uint32(0); i <= abi.PCDATA_InlTreeIndex {
			fn.data[i] = 0
		}
	}
	fn.data[abi.PCDATA_InlTreeIndex] = goauditGhostPCTable(g.inline)
	fn.data[goauditGhostData-1] = tree
	at := t.funcs.add((*[unsafe.Sizeof(fn)]byte)(unsafe.Pointer(&fn))[:]...)

	// The last entry of ftab is where the text ends.
	index := uint32(t.ftab.n - 1)
	t.ftab.all()[index] = functab{entry, at}
	t.size += uintptr(g.size)
	t.ftab.add(functab{uint32(t.size), 0})
	for t.find.n < goauditFindBuckets(t.size) {
		t.find.add(findfuncbucket{idx: index})
	}
	return entry
}

// goauditForgotten stands for a function that there was no room to remember.
//
//go:noinline
func goauditForgotten() { throw("goaudit: not a function to be called") }

// bury leads all that remembers a function of the batch's guests to its ghost.  The world
// is stopped, and the guests still answer findfunc.
func (b *goauditBatch) bury() {
	for _, head := range [...]unsafe.Pointer{mbuckets.Load(), bbuckets.Load(), xbuckets.Load()} {
		for bk := (*bucket)(head); bk != nil; bk = bk.allnext {
			b.buryPCs(unsafe.SliceData(bk.stk()), int(bk.nstk))
		}
	}
	for mp := allm; mp != nil; mp = mp.alllink {
		b.buryPCs(&mp.createstack[0], len(mp.createstack))
		if stk := mp.mLockProfile.stack[:]; len(stk) != 0 {
			b.buryPCs(&stk[0], len(stk))
		}
	}
	for _, gp := range allgs {
		if readgstatus(gp)&^_Gscan != _Gdead {
			b.buryPCs(&gp.gopc, 1)
		}
	}
	goauditGhostsGrown()
}

func (b *goauditBatch) buryPCs(p *uintptr, n int) {
	for _, pc := range unsafe.Slice(p, n) {
		if c := b.of(pc); c != nil {
			*p = b.ghostOf(c, pc)
		}
		p = (*uintptr)(add(unsafe.Pointer(p), unsafe.Sizeof(pc)))
	}
}

// ghostOf returns what to remember instead of pc, which lies in c.
func (b *goauditBatch) ghostOf(c *goauditCand, pc uintptr) uintptr {
	f := findfunc(pc)
	if !f.valid() || f.datap != c.md || !goauditGhostsReady() {
		return abi.FuncPCABIInternal(goauditForgotten) + 1
	}
	// Its index: entries are sorted, the last one is the end of the text.
	ftab := c.md.ftab
	lo, hi := 0, len(ftab)-1
	for lo+1 < hi {
		if mid := int(uint(lo+hi) / 2); ftab[mid].entryoff <= f.entryOff {
			lo = mid
		} else {
			hi = mid
		}
	}
	if c.ghosts == nil {
		c.ghosts = make([]uint32, len(ftab))
	}
	if c.ghosts[lo] == 0 { // a ghost's entry, plus one
		var buf [20]byte
		mark := " (generation " + string(itoa(buf[:], c.req.number)) + ")"
		g := goauditMakeGhost(f, ftab[lo+1].entryoff-ftab[lo].entryoff)
		c.ghosts[lo] = ^uint32(0)
		if g.fits(mark) {
			c.ghosts[lo] = g.put(mark) + 1
		}
	}
	if c.ghosts[lo] == ^uint32(0) {
		return abi.FuncPCABIInternal(goauditForgotten) + 1
	}
	return goauditGhosts.text + uintptr(c.ghosts[lo]-1) + (pc - f.entry())
}
