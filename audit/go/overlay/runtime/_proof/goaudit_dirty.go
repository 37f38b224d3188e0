//go:build go1.26

package runtime

// What the program writes while the marker runs.
//
// The marker needs the pages of the heap that were written to since it looked
// at them.  userfaultfd(2) write-protects pages such that the kernel takes the
// protection off by itself at the first write (UFFD_FEATURE_WP_ASYNC, Linux
// 6.7), for 1 us a page and without any signal; the PAGEMAP_SCAN ioctl lists
// the pages that have lost it and protects them again in the same step.  The
// system's own writes, like read(2) into a buffer, are seen as well.  Only the
// heap is tracked; variables and stacks are scanned again in each stop.
//
// Order matters in one place: a page is protected before it is looked at, so a
// write that the marker has missed leaves its page on the next list.  Memory
// that the heap gets meanwhile has never been protected, and is on the list
// as a whole.
//
// Protecting and unprotecting go by pieces of an arena, as both lock out page
// faults and mmap in other threads for the time they take.

import "unsafe"

const (
	goauditSysIoctl       = 16
	goauditSysUserfaultfd = 323

	goauditUserModeOnly  = 1
	goauditUffdAPI       = 0xaa
	goauditUffdWPAsync   = 1 << 15
	goauditUffdIoAPI     = 0xc018aa3f
	goauditUffdRegister  = 0xc020aa00
	goauditUffdUnregster = 0x8010aa01
	goauditUffdModeWP    = 2

	goauditPagemapScan   = 0xc0606610
	goauditScanProtect   = 1 // PM_SCAN_WP_MATCHING
	goauditScanCheck     = 2 // PM_SCAN_CHECK_WPASYNC
	goauditPageWritten   = 2 // PAGE_IS_WRITTEN
	goauditTrackedPiece  = heapArenaBytes
	goauditMaxHeapRanges = 256
	goauditPagesAtOnce   = 64
)

type goauditHeapRange struct{ lo, hi uintptr }

// goauditPageRegion is struct page_region of <linux/fs.h>.
type goauditPageRegion struct{ lo, hi, categories uint64 }

// goauditScanArg is struct pm_scan_arg.
type goauditScanArg struct {
	size, flags, lo, hi, walked, vec, len, max uint64
	inverted, mask, any, returned              uint64
}

// goauditTracker tracks writes to the heap.
type goauditTracker struct {
	on      bool
	fd      int32 // userfaultfd
	pagemap int32
	n       int
	ranges  [goauditMaxHeapRanges]goauditHeapRange
	regions [512]goauditPageRegion
}

var goauditTrack goauditTracker

const goauditPagemapPath = "/proc/self/pagemap\x00"

// start begins to track; it reports false where the system cannot.
func (t *goauditTracker) start() bool {
	fd, err := goauditSyscall(goauditSysUserfaultfd, _O_CLOEXEC|goauditUserModeOnly, 0, 0)
	if err != 0 {
		return false
	}
	t.fd = int32(fd)
	t.pagemap = open(unsafe.StringData(goauditPagemapPath), _O_RDONLY|_O_CLOEXEC, 0)
	api := [3]uint64{goauditUffdAPI, goauditUffdWPAsync, 0}
	t.on = t.pagemap >= 0 && t.ioctl(goauditUffdIoAPI, unsafe.Pointer(&api)) && t.register() && t.protect()
	if !t.on {
		t.stop()
	}
	return t.on
}

func (t *goauditTracker) ioctl(cmd uintptr, arg unsafe.Pointer) bool {
	_, err := goauditSyscall(goauditSysIoctl, uintptr(t.fd), cmd, uintptr(arg))
	return err == 0
}

// findRanges lists the mapped parts of the heap's arenas.
func (t *goauditTracker) findRanges() bool {
	t.n = 0
	ok := true
	systemstack(func() {
		lock(&mheap_.lock)
		unused := mheap_.curArena
		for _, ai := range goauditArenas() {
			lo := arenaBase(ai)
			hi := lo + heapArenaBytes
			if lo >= unused.base && hi <= unused.end {
				continue
			}
			if unused.base > lo && unused.base < hi {
				hi = unused.base
			}
			ok = ok && t.addRange(lo, hi)
		}
		unlock(&mheap_.lock)
	})
	return ok
}

func (t *goauditTracker) addRange(lo, hi uintptr) bool {
	for i := 0; i < t.n; i++ {
		if r := &t.ranges[i]; r.hi == lo {
			r.hi = hi
			return true
		} else if r.lo == hi {
			r.lo = lo
			return true
		}
	}
	if t.n == len(t.ranges) {
		return false
	}
	t.ranges[t.n] = goauditHeapRange{lo, hi}
	t.n++
	return true
}

// bytes returns how much memory is tracked.
func (t *goauditTracker) bytes() (n uintptr) {
	for _, r := range t.ranges[:t.n] {
		n += r.hi - r.lo
	}
	return
}

// register tells the kernel which memory is tracked; what it knows already
// stays as it is.
func (t *goauditTracker) register() bool {
	if !t.findRanges() {
		return false
	}
	for _, r := range t.ranges[:t.n] {
		arg := [4]uint64{uint64(r.lo), uint64(r.hi - r.lo), goauditUffdModeWP, 0}
		if !t.ioctl(goauditUffdRegister, unsafe.Pointer(&arg)) {
			return false
		}
	}
	return true
}

// protect write-protects all of it.
func (t *goauditTracker) protect() bool {
	for _, r := range t.ranges[:t.n] {
		for lo := r.lo; lo < r.hi; lo += goauditTrackedPiece {
			if n, _ := t.scan(lo, min(r.hi, lo+goauditTrackedPiece), 0, 0); n < 0 {
				return false
			}
		}
	}
	return true
}

// scan protects the pages of [lo, hi) that have been written to, and lists them
// in regions, at most so many pages (0: as many as fit); it returns how many
// regions, and where it has stopped.
func (t *goauditTracker) scan(lo, hi uintptr, regions, pages int) (n int, walked uintptr) {
	arg := goauditScanArg{
		flags: goauditScanProtect | goauditScanCheck,
		lo:    uint64(lo), hi: uint64(hi),
		mask: goauditPageWritten, returned: goauditPageWritten,
		max: uint64(pages),
	}
	arg.size = uint64(unsafe.Sizeof(arg))
	if regions != 0 {
		arg.vec, arg.len = uint64(uintptr(unsafe.Pointer(&t.regions))), uint64(regions)
	} else {
		arg.returned = 0
	}
	r, err := goauditSyscall(goauditSysIoctl, uintptr(t.pagemap), goauditPagemapScan, uintptr(unsafe.Pointer(&arg)))
	if err != 0 {
		return -1, 0
	}
	return int(r), uintptr(arg.walked)
}

// stop ends tracking.
func (t *goauditTracker) stop() {
	for _, r := range t.ranges[:t.n] {
		for lo := r.lo; lo < r.hi; lo += goauditTrackedPiece {
			arg := [2]uint64{uint64(lo), uint64(min(r.hi-lo, goauditTrackedPiece))}
			t.ioctl(goauditUffdUnregster, unsafe.Pointer(&arg))
		}
	}
	closefd(t.fd)
	if t.pagemap >= 0 {
		closefd(t.pagemap)
	}
	t.on, t.n = false, 0
}

// rescan looks at the objects on pages written to since the last time, but does
// not trace what they lead to.  Pages that it does not come to before the deadline
// are on the next list.
func (k *goauditMarker) rescan(deadline int64) {
	t := &goauditTrack
	pages := 0
	if deadline != 0 {
		pages = goauditPagesAtOnce
	}
	if !t.register() || !k.covers() {
		k.failed = true
		return
	}
	for _, r := range t.ranges[:t.n] {
		for lo := r.lo; lo < r.hi; {
			n, walked := t.scan(lo, r.hi, len(t.regions), pages)
			if n < 0 || walked <= lo {
				k.failed = true
				return
			}
			for i := range t.regions[:n] {
				d := &t.regions[i]
				k.dirty += d.hi - d.lo
				k.rescanPages(uintptr(d.lo), uintptr(d.hi))
			}
			lo = walked
			if deadline != 0 && nanotime() > deadline {
				k.late = true
				break
			}
		}
	}
}

// covers: has the heap stayed within the addresses the marker looks at?
func (k *goauditMarker) covers() bool {
	t := &goauditTrack
	for _, r := range t.ranges[:t.n] {
		if r.lo < k.heapLo || r.hi > k.heapLo+k.heapLen {
			return false
		}
	}
	return true
}

// rescanPages looks at the parts of marked objects that lie in [lo, hi).
func (k *goauditMarker) rescanPages(lo, hi uintptr) {
	for lo < hi {
		s := spanOf(lo)
		if s == nil || s.state.get() != mSpanInUse || lo < s.base() || lo >= s.base()+s.npages*pageSize {
			lo = alignDown(lo, pageSize) + pageSize
			continue
		}
		end := min(hi, s.base()+s.npages*pageSize)
		for base := s.base() + (lo-s.base())/s.elemsize*s.elemsize; base < min(end, s.limit); base += s.elemsize {
			if !k.marked(base) {
				continue
			}
			if s.spanclass.noscan() {
				if base >= lo {
					n := k.root(base | goauditTagDirty)
					k.scanNoPointers(s, base)
					k.rooted(n)
				}
				continue
			}
			n := k.root(base | goauditTagDirty)
			k.scan(s, base, lo, end)
			k.rooted(n)
		}
		lo = end
	}
}
