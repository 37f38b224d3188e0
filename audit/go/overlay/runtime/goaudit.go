package runtime

// Go modules that come and go.
//
// This overlay adds files to package runtime (and small ones to some packages
// of std); it replaces nothing.  libstd.so is built with it, and then serves a
// host that opens, closes and reopens other Go modules: shared objects built
// with -buildmode=c-shared -linkshared, called guests below.  What plugin.Open
// does once and for ever is done here for one guest, quickly, and undone:
//
//	goaudit.go         the requests, the list of known modules, the lock
//	goaudit_init.go    a guest becomes a module: masks, list, package inits
//	goaudit_types.go   its types are merged with those that stay
//	goaudit_lasting.go which types stay
//	goaudit_itab.go    its itabs enter and leave itabTable
//	goaudit_cache.go   type assertion caches that remember its types
//	goaudit_unlink.go  the way out: check, purge, check again, commit
//	goaudit_check.go   what plainly uses a module (frames, timers, ...)
//	goaudit_foreign.go modules that code has put on the list itself
//	goaudit_modinfo.go build information of a guest
//	goaudit_passing.go who is about to let go of it
//	goaudit_purge.go   std's own caches, and reflect's names
//	goaudit_holdoff.go no collection starts during a proof or a move
//	goaudit_between.go state of std that has no lock
//	goaudit_prove.go   the proof that nothing else leads to it, and when
//	goaudit_mark*.go   the marker: tracing, roots, what holds and how it is told
//	goaudit_dirty.go   what the program writes while the marker runs
//	goaudit_weak.go    variables that do not hold
//	goaudit_rescue.go  strings that outlive their guest
//	goaudit_dead.go    finalizers, weak pointers and headers of what dies
//	goaudit_ghost.go   the names of their functions stay, for profiles
//	goaudit_profile.go which profiles know one still
//	goaudit_gone.go    who has a program counter of them is told that they are gone
//	goaudit_move.go    variables move into the next generation of their guest
//	goaudit_watch.go   the next collection is reported to the C side
//	goaudit_panic.go   a panic or Goexit in an init ends the init only
//	goaudit_guard.go   and one in an export the call only, if so asked
//	goaudit_crash.go   the process ends: which generations were there
//	goaudit_*_goNNN.go what differs between Go releases, NNN being the first
//	                   release a file is for
//
// The entry points below are called from C through crosscall2, on any thread,
// each with the address of one request.  protocol.h holds the C declarations of
// the same structs; they must agree field by field.  A request lives in C
// memory: the collector ignores it, and nothing of Go is ever stored in it.
//
// Four locks.  goauditLock is a runtime mutex for the short, non-blocking part
// of a registration: under it this goroutine cannot be preempted, so the world
// cannot stop in the middle of one, and code that runs with the world stopped
// needs no lock against it.  It is not held while package inits run, so inits
// may nest and may run on several threads.  goauditUnlinking is a semaphore
// held for a whole unlink; a registration never takes it, since an unlink waits
// for the collector.  goauditNaming is one for the time in which functions of
// std's packages ask about a batch.  goauditMerging is one for the merge of a
// module's types (goaudit_lasting.go).  Order: goauditUnlinking, goauditNaming or
// goauditMerging, locks of std's packages, worldsema, goauditLock, itabLock.
//
// The module list has one writer, too: a guest's constructor would append to it
// without any lock (addmoduledata), so the C side catches that call and hands
// the moduledata to goauditInit.

import (
	"internal/bytealg"
	"unsafe"
)

const goauditProtocol = 8

// Verdicts and holders, as in protocol.h.
const (
	goauditOK       = 0
	goauditNotFound = 1
	goauditPanicked = 2
	goauditHeld     = 3

	goauditNoHolder = 0
	goauditFrame    = 1
	goauditStart    = 2
	goauditDefer    = 3
	goauditTimer    = 4
	goauditFinal    = 5
	goauditCleanup  = 6
	goauditPointer  = 7
	goauditType     = 8
	goauditFunc     = 9
	goauditObjectOf = 10
	goauditChan     = 11
	goauditStack    = 12
	goauditString   = 13
	goauditBusy     = 14
	goauditProfile  = 15
	goauditListed   = 16

	goauditMaxHeld = 8
)

// Flags of an unlink, as in protocol.h.
const (
	goauditProve   = 1 << 0
	goauditStopped = 1 << 1

	goauditNoTypeWords = 1 << 16
	goauditNoClosures  = 1 << 17
	goauditNoHeaders   = 1 << 18
	goauditNoChans     = 1 << 19
	goauditNoStrings   = 1 << 20
	goauditNoScrub     = 1 << 21
	goauditNoFrames    = 1 << 22
	goauditNoTimers    = 1 << 23
	goauditNoFinal     = 1 << 24
	goauditNoPointers  = 1 << 25
	goauditNoVerdict   = 1 << 26
	goauditNoGhosts    = 1 << 27
	goauditNoBetween   = 1 << 28
	goauditNoHoldOff   = 1 << 29
)

type goauditHello8Req struct {
	size       uint64
	collected  uint64
	protocol   uint64
	moduledata uint64
	modinfo    uint64
	modinfoN   uint64
	version    [64]byte
}

type goauditRange struct{ lo, hi uint64 }

type goauditRegisterReq struct {
	size       uint64
	lo, hi     uint64
	module     uint64
	lasting    uint64
	limited    uint64
	libraries  *goauditRange
	librariesN uint64
	types      *uint64
	typesN     uint64
	itabs      *uint64
	itabsN     uint64
	lists      uint64
	modinfo    uint64
	modinfoN   uint64
	name       uint64
	nameN      uint64
	file       uint64
	fileN      uint64
	verdict    uint64
	led        uint64
	mergeNs    uint64
	registerNs uint64
}

type goauditInitReq struct {
	size    uint64
	lo, hi  uint64
	others  *goauditRange
	othersN uint64
	begun   uint64
	verdict uint64
	initNs  uint64
	stack   uint64
	text    [1024]byte
}

type goauditModuleReq struct {
	lo, hi    uint64
	number    uint64
	verdict   uint64
	holder    uint64
	goroutine uint64
	text      [256]byte
	variable  uint64
	nheld     uint64
	held      *goauditHeldReq
}

type goauditHeldReq struct {
	kind      uint64
	goroutine uint64
	variable  uint64
	target    uint64
	text      [512]byte
}

type goauditUnlinkReq struct {
	size      uint64
	n         uint64
	modules   *goauditModuleReq
	stoppedNs uint64
	totalNs   uint64
	flags     uint64
	longestNs uint64
	stops     uint64
	objects   uint64
	bytes     uint64
	dirty     uint64
	rounds    uint64
	soon      uint64
}

type goauditSettleReq struct {
	size   uint64
	lo, hi uint64
	failed uint64
}

type goauditGuardReq struct {
	size  uint64
	fn    uint64
	arg   uint64
	panic uint64
}

type goauditStatsReq struct {
	size        uint64
	gc          uint64
	heapLive    uint64
	heapObjects uint64
	otherSys    uint64
	modules     uint64
	itabs       uint64
	typemaps    uint64
	goroutines  uint64
}

// goauditModule is what the overlay remembers of a registered module.  The
// modules that were there when the runtime started have one too; they stay.
type goauditModule struct {
	md      *moduledata
	lo, hi  uintptr           // its mapping
	name    string            // "guest.so generation 3"; "": it stays
	file    string            // what it was loaded from, for crashes
	caches  []uintptr         // addresses of its abi.TypeAssert and abi.InterfaceSwitch
	own     []goauditTypelink // its types that are no lasting ones
	modinfo string            // what ReadBuildInfo goes by, in the module
	lists   bool              // its code can put modules on the list (goaudit_foreign.go)
	pinned  bool              // a lasting module: never unlinked
	busy    bool              // it has been registered, and its package inits have not ended
	begun   bool              // they have begun
	named   bool              // it may have registered names with std (goaudit_names.go)
	number  uint64            // never another one's
	older   []uint64          // its guest's, until its take-over has ended
	failed  bool              // it was not taken; its inits may run on
	unused  goauditUnused
}

var (
	goauditLock      mutex
	goauditModules   []*goauditModule // under goauditLock, as are their fields
	goauditUnlinking uint32           = 1
)

// goauditSized refuses a request whose struct is not the one above.  Hello
// has compared protocols by then, so this is a bug and not a mismatch; going
// on would leave a verdict of 0, which says "unlinked".
func goauditSized(have uint64, want uintptr) {
	if have != uint64(want) {
		println("goaudit: request of", have, "bytes, expected", want)
		throw("goaudit: request of a wrong size")
	}
}

// goauditHello8 is the first call.  cgocallback has waited for main_init_done,
// so std is initialised.
func goauditHello8(p unsafe.Pointer) {
	r := (*goauditHello8Req)(p)
	r.protocol = goauditProtocol
	if r.size != uint64(unsafe.Sizeof(*r)) {
		return
	}
	r.moduledata = uint64(unsafe.Sizeof(moduledata{}))
	b := goauditText{buf: r.version[:]}
	b.str(Version())
	goauditCollected = uintptr(r.collected)
	goauditStartLasting()
	lock(&goauditLock)
	for _, m := range goauditModules {
		if m.md.hasmain != 0 {
			m.modinfo = goauditTextAt(r.modinfo, r.modinfoN)
		}
	}
	unlock(&goauditLock)
}

// goauditFind returns the module whose text lies in [lo, hi), or nil.  The
// list is walked under goauditLock, that is without preemption: a module it
// stands on cannot be unlinked and unmapped meanwhile.
func goauditFind(lo, hi uint64) (md *moduledata) {
	lock(&goauditLock)
	for md = &firstmoduledata; md != nil; md = md.next {
		if uint64(md.text) >= lo && uint64(md.text) < hi {
			break
		}
	}
	unlock(&goauditLock)
	return md
}

// goauditLink puts md at the end of the module list, as addmoduledata does, but
// before the ghosts.  Readers of the list take no lock: md is complete before it can
// be found.  goauditLock must be held.
func goauditLink(md *moduledata) {
	for {
		last := lastmoduledatap // not ours alone: goaudit_foreign.go
		if last == &goauditGhostModule {
			for last = &firstmoduledata; last.next != &goauditGhostModule; {
				last = last.next
			}
			md.next = &goauditGhostModule
			last.next = md
			return
		}
		if sync_atomic_CompareAndSwapPointer((*unsafe.Pointer)(unsafe.Pointer(&lastmoduledatap)), unsafe.Pointer(last), unsafe.Pointer(md)) {
			last.next = md
			return
		}
	}
}

// goauditRecord returns the record of md, or nil.  goauditLock must be held,
// or the world stopped.
func goauditRecord(md *moduledata) *goauditModule {
	for _, m := range goauditModules {
		if m.md == md {
			return m
		}
	}
	return nil
}

func goauditStats(p unsafe.Pointer) {
	r := (*goauditStatsReq)(p)
	goauditSized(r.size, unsafe.Sizeof(*r))
	for i := uint64(0); i < r.gc; i++ {
		GC()
	}
	ms := new(MemStats)
	ReadMemStats(ms)
	r.heapLive = ms.HeapAlloc
	r.heapObjects = ms.HeapObjects
	r.otherSys = ms.OtherSys
	r.goroutines = uint64(NumGoroutine())
	lock(&goauditLock)
	r.modules = 0
	for md := &firstmoduledata; md != nil; md = md.next {
		if md != &goauditGhostModule {
			r.modules++
		}
	}
	r.typemaps = uint64(len(pinnedTypemaps))
	lock(&itabLock)
	r.itabs = uint64(itabTable.count)
	unlock(&itabLock)
	unlock(&goauditLock)
}

// goauditText writes NUL-terminated text into C memory, cut where it does not
// fit but never within a UTF-8 sequence, control characters as spaces.  It
// does not allocate: the world may be stopped.
type goauditText struct {
	buf []byte
	n   int
}

func (t *goauditText) str(s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		if t.n >= len(t.buf)-1 {
			// cut; drop the part of a sequence that fitted
			if c&0xc0 == 0x80 {
				for t.n > 0 && t.buf[t.n-1]&0xc0 == 0x80 {
					t.n--
				}
				if t.n > 0 && t.buf[t.n-1]&0xc0 == 0xc0 {
					t.n--
				}
			}
			break
		}
		t.buf[t.n] = c
		t.n++
	}
	t.buf[t.n] = 0
}

func (t *goauditText) num(n int) {
	var b [20]byte
	t.str(string(itoa(b[:], uint64(n))))
}

// fn writes "func (file:line)", type arguments as "[...]".
func (t *goauditText) fn(f funcInfo, pc uintptr) {
	if !f.valid() {
		t.str("unknown function")
		return
	}
	name := funcname(f)
	if name == "" && f.nameOff == 0 && len(f.datap.funcnametab) != 0 {
		// an offset of 0 stands for no name, but since 1.27 the linker puts
		// some function's name there
		name = gostringnocopy(&f.datap.funcnametab[0])
	}
	from := bytealg.IndexByteString(name, '[')
	to := bytealg.LastIndexByteString(name, ']')
	if from < 0 || to < from {
		t.str(name)
	} else {
		t.str(name[:from])
		t.str("[...]")
		t.str(name[to+1:])
	}
	// the line in the function itself, not in one that is inlined there
	u, frame := newInlineUnwinder(f, pc)
	for next := u.next(frame); next.valid(); next = u.next(frame) {
		frame = next
	}
	file, line := u.fileLine(frame)
	for i := len(file) - 1; i >= 0; i-- {
		if file[i] == '/' {
			file = file[i+1:]
			break
		}
	}
	t.str(" (")
	t.str(file)
	t.str(":")
	t.num(line)
	t.str(")")
}
