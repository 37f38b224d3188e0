package runtime

// Caches of std that know types.
//
// Packages such as reflect and encoding/json remember what they have found out
// about a type for ever.  For the types of a guest that is to be unmapped they
// must forget it.  Each of them has an overlay file too, which registers a
// function here at init:
//
//	goauditOnPurge   called with the world running, may lock and allocate
//	goauditOnStop    called with the world stopped, may do neither
//
// and asks about types and addresses while it runs:
//
//	goauditMentions  is the type one of a dying guest's, or composed of such?
//	goauditOwns      does the address lie in a dying guest?
//
// Some of what is purged makes two things one: types made by reflect, unique's maps,
// gob's names and numbers, flags.  A guest that turns out to be in use after its
// purge gets that back; so the purge says how:
//
//	goauditUndo      called after the verdict, if some guest of the batch is held;
//	                 asks by then which of them is gone
//
// They are linked by name (go:linkname), as package runtime cannot be imported
// for unexported names.

import (
	"internal/abi"
	"unsafe"
)

// All written by inits of std only, before main_init_done.
var (
	goauditOnPurgeFns []func()
	goauditOnStopFns  []func()
)

// goauditMadeType is a type made by reflect, and a type that tells whose it is:
// the made one itself, or one that it was made from.
type goauditMadeType struct {
	typ, from *_type
}

// goauditMade are made types that are out of reflect's caches, and composed of
// types of guests that are not unlinked yet.  itabTable and the headers of
// objects lead to them without keeping them alive; this list does, until the
// commit has removed the itabs.  If a guest turns out to be in use after its purge,
// those stay here whose place in reflect's caches has been taken by a new one.
// `from` mentions all guests that `typ` does, but for types that have no parts.
// Under goauditUnlinking.
var goauditMade []goauditMadeType

//go:linkname goauditOnPurge
func goauditOnPurge(purge func()) {
	goauditOnPurgeFns = append(goauditOnPurgeFns, purge)
}

//go:linkname goauditOnStop
func goauditOnStop(drop func()) {
	goauditOnStopFns = append(goauditOnStopFns, drop)
}

// goauditOnWalk registers a function that walks the types of all modules.
//
//go:linkname goauditOnWalk
func goauditOnWalk(entry uintptr) {
	goauditWalkers = append(goauditWalkers, entry)
}

//go:linkname goauditOwns
func goauditOwns(p unsafe.Pointer) bool {
	b := goauditDying
	return b != nil && b.of(uintptr(p)) != nil
}

//go:linkname goauditMentions
func goauditMentions(t unsafe.Pointer) bool {
	b := goauditDying
	return b != nil && b.mentions((*_type)(t))
}

// goauditUndo is called by purge functions: put puts back what they have dropped,
// but for what is of a guest that goauditOwns and goauditMentions know.
//
//go:linkname goauditUndo
func goauditUndo(put func()) {
	b := goauditDying
	b.undo = append(b.undo, put)
}

// goauditForget takes note of a type that reflect has made from another, and has
// dropped.
//
//go:linkname goauditForget
func goauditForget(t, from unsafe.Pointer) {
	if t == nil || spanOf(uintptr(t)) == nil {
		return
	}
	made := goauditMadeType{(*_type)(t), (*_type)(from)}
	goauditMade = append(goauditMade, made)
	if bucket := goauditMapBucket(made.typ); bucket != nil {
		goauditMade = append(goauditMade, goauditMadeType{bucket, made.from})
	}
}

// goauditRemember takes a type off again: reflect's caches have it back.
//
//go:linkname goauditRemember
func goauditRemember(t unsafe.Pointer) {
	bucket := goauditMapBucket((*_type)(t))
	keep := goauditMade[:0]
	for _, made := range goauditMade {
		if unsafe.Pointer(made.typ) != t && (bucket == nil || made.typ != bucket) {
			keep = append(keep, made)
		}
	}
	clear(goauditMade[len(keep):])
	goauditMade = keep
}

// goauditDying is the batch that goauditOwns and goauditMentions ask about.  It
// is changed under goauditNaming, or for a while with the world stopped.  This
// semaphore is held while purge functions run and no longer: a registration takes
// it too (goaudit_names.go), and must not wait for an unlink.
var (
	goauditDying  *goauditBatch
	goauditNaming uint32 = 1
)

// ask calls functions that ask about the guests of b.
func (b *goauditBatch) ask(call func()) {
	semacquire(&goauditNaming)
	b.asked(call)
}

// asked is ask with goauditNaming in hand, which it releases.
func (b *goauditBatch) asked(call func()) {
	goauditDying = b
	call()
	goauditDying = nil
	semrelease(&goauditNaming)
}

func (b *goauditBatch) purge() {
	b.purged = len(b.cands)
	b.ask(goauditPurgeAll)
}

func goauditPurgeAll() {
	for _, purge := range goauditOnPurgeFns {
		purge()
	}
}

// putBack follows the verdict.  What is left of the batch is gone; what was purged
// of the others comes back.
func (b *goauditBatch) putBack() {
	if b.purged == len(b.cands) {
		return
	}
	b.ask(func() {
		for _, put := range b.undo {
			put()
		}
	})
}

// drop calls the functions that want a stopped world.  A goroutine may have been
// stopped inside ask, and goes on there.
func (b *goauditBatch) drop() {
	asked := goauditDying
	goauditDying = b
	for _, drop := range goauditOnStopFns {
		drop()
	}
	goauditDying = asked
}

// mentions: is t a type of a guest of b, or an unnamed type composed of such?
// A named type mentions only what its own module mentions.
func (b *goauditBatch) mentions(t *_type) bool {
	if t == nil {
		return false
	}
	if b.of(uintptr(unsafe.Pointer(t))) != nil {
		return true
	}
	if t.TFlag&abi.TFlagNamed != 0 {
		return false
	}
	switch t.Kind() {
	case abi.Array, abi.Chan, abi.Pointer, abi.Slice:
		return b.mentions(t.Elem())
	case abi.Map:
		return b.mentions(t.Key()) || b.mentions(t.Elem())
	case abi.Func:
		f := (*functype)(unsafe.Pointer(t))
		return b.mentionsAny(f.InSlice()) || b.mentionsAny(f.OutSlice())
	case abi.Struct:
		st := (*structtype)(unsafe.Pointer(t))
		for i := range st.Fields {
			if b.mentions(st.Fields[i].Typ) {
				return true
			}
		}
	}
	return false
}

func (b *goauditBatch) mentionsAny(ts []*_type) bool {
	for _, t := range ts {
		if b.mentions(t) {
			return true
		}
	}
	return false
}

// madeOf: is p a type that reflect has made of types of a guest of b?
func (b *goauditBatch) madeOf(p uintptr) bool {
	for i := range goauditMade {
		if uintptr(unsafe.Pointer(goauditMade[i].typ)) == p {
			return b.mentions(goauditMade[i].from)
		}
	}
	return false
}

// forgetMade lets go of the made types of the guests of b, and of all that
// reflect has registered for them under negative offsets: types and functions
// of the guests, made types and their names.  It follows the commit: a value of
// a made type can be asked for its name as long as there is one.
func (b *goauditBatch) forgetMade() {
	reflectOffsLock()
	forget := func(id int32) {
		if p, ok := reflectOffs.m[id]; ok {
			delete(reflectOffs.m, id)
			delete(reflectOffs.minv, p)
		}
	}
	keep := goauditMade[:0]
	for _, made := range goauditMade {
		if !b.mentions(made.from) {
			keep = append(keep, made)
			continue
		}
		forget(int32(made.typ.Str))
		if id, ok := reflectOffs.minv[unsafe.Pointer(made.typ)]; ok {
			forget(id)
		}
	}
	for id, p := range reflectOffs.m {
		if b.of(uintptr(p)) != nil {
			forget(id)
		}
	}
	reflectOffsUnlock()
	clear(goauditMade[len(keep):])
	goauditMade = keep
}
