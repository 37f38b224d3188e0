package sync

// Registers of std: names, and what packages have put under them.
//
// sql.Register, http.Handle, flag.Bool, image.RegisterFormat and the like panic when a
// name comes twice, or the first one wins.  A guest's next generation registers the same
// names again while the old one is there; so does another guest, or the program, with a
// copy of the same package.  So their functions ask here (../edits) before they
// register something, and what each of them has registered is known by who it was:
//
//	a guest's name	is taken over by another guest or by the program.  What was there
//			lies beneath, and comes back when that one is gone
//	the program's	stays.  A guest's copy of the package that has registered it is
//			let pass, without effect; any other guest is refused, as upstream
//
// Nothing is taken out before the inits of a new generation: names lead to the old one
// until they are registered anew.  When it has become current, what the old ones have
// registered and it has not goes; if it fails, what it has registered goes.  And what a
// guest has registered goes when it is unlinked, as the caches do (goaudit_purge.go of package runtime): the
// registers do not hold it.
//
// ../REGISTERS lists them.

import _ "unsafe" // for linkname

//go:linkname goauditOnPurge runtime.goauditOnPurge
func goauditOnPurge(purge func())

//go:linkname goauditOnTakeOver runtime.goauditOnTakeOver
func goauditOnTakeOver(drop func())

//go:linkname goauditUndo runtime.goauditUndo
func goauditUndo(put func())

//go:linkname goauditDiesNumber runtime.goauditDiesNumber
func goauditDiesNumber(guest uint64) bool

//go:linkname goauditRegistrant runtime.goauditRegistrant
func goauditRegistrant() (guest uint64, failed bool, pkg string)

//go:linkname goauditLockNames runtime.goauditLockNames
func goauditLockNames()

//go:linkname goauditUnlockNames runtime.goauditUnlockNames
func goauditUnlockNames()

//go:linkname goauditYield runtime.Gosched
func goauditYield()

// Each is described by a file of its package.  Written by inits of std only.
type goauditRegister struct {
	// locked calls fn with what keeps others from registering in hand.  It waits for no
	// code of others: it returns false where it would have to, and has not called fn.
	locked func(fn func()) bool
	// set puts a value under a name, or takes the name out: nil.  It returns what was
	// there, and is called by locked's fn.
	set func(name, value any) (old any)
}

var goauditRegisters []goauditRegister

//go:linkname goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int) {
	goauditRegisters = append(goauditRegisters, goauditRegister{locked, set})
	return len(goauditRegisters) - 1
}

func init() {
	goauditOnTakeOver(func() { goauditDropNames() })
	goauditOnPurge(func() {
		if dropped := goauditDropNames(); len(dropped) != 0 {
			goauditUndo(func() { goauditPutNames(dropped) })
		}
	})
}

type goauditName struct {
	register int
	name     any
}

// goauditClaim: somebody has registered a name.
type goauditClaim struct {
	by    uint64 // the guest's number; 0: a module that stays
	pkg   string // whose code has done it
	value any    // beneath another claim: what was there.  May be nil
	order uint64
}

// goauditClaims has all of a name, the one on top last.  It is changed with the
// register's lock and the lock of names, in this order.
var (
	goauditClaims     map[goauditName][]goauditClaim
	goauditClaimOrder uint64
)

// What goauditTake answers; how it is asked.
const (
	goauditAdd    = iota // it may be registered, in place of what is there
	goauditRefuse        // the name is another one's
	goauditLeave         // what is there has to stay, and nothing is said of it

	goauditOver  = 1 << 0 // the register lets any name come twice: the last one wins
	goauditFirst = 1 << 1 // the same, but the first one does
	goauditAsk   = 1 << 2 // nothing is to be registered yet
)

// goauditTake is asked by functions that register a name, with the register's lock.
// old is what is there, or nil.
//
//go:linkname goauditTake
func goauditTake(register int, name, old any, how int) int {
	by, failed, pkg := goauditRegistrant()
	if pkg == "" { // std itself
		if old == nil || how&goauditOver != 0 {
			return goauditAdd
		}
		return goauditRefuse
	}
	if s, ok := name.(string); ok {
		name = string([]byte(s)) // a guest's text may be unmapped
	}
	key := goauditName{register, name}
	goauditLockNames()
	claims := goauditClaims[key]
	answer := goauditAnswer(claims, by, pkg, old, how)
	if failed && old != nil {
		answer = goauditLeave // its inits run on, and nobody waits for them
	}
	if answer == goauditAdd && how&goauditAsk == 0 {
		goauditClaimOver(key, claims, goauditClaim{by: by, pkg: pkg}, old)
	}
	goauditUnlockNames()
	return answer
}

func goauditAnswer(claims []goauditClaim, by uint64, pkg string, old any, how int) int {
	var top *goauditClaim
	if n := len(claims); n != 0 {
		top = &claims[n-1]
	}
	switch {
	case old == nil || how&goauditOver != 0:
		return goauditAdd
	case top != nil && top.by != 0 && top.by != by:
		return goauditAdd
	case how&goauditFirst != 0:
		return goauditLeave
	case top != nil && top.by == 0 && by != 0 && top.pkg == pkg && pkg != "main":
		return goauditLeave
	}
	return goauditRefuse
}

// goauditClaimOver puts a claim on top.  The lock of names is held.
func goauditClaimOver(key goauditName, claims []goauditClaim, c goauditClaim, old any) {
	keep := make([]goauditClaim, 0, len(claims)+2)
	if len(claims) == 0 && old != nil {
		keep = append(keep, goauditClaim{value: old}) // of nobody that has asked
	}
	for i, beneath := range claims {
		if i == len(claims)-1 {
			beneath.value = old
		}
		if beneath.by != c.by {
			keep = append(keep, beneath)
		}
	}
	goauditClaimOrder++
	c.order = goauditClaimOrder
	if goauditClaims == nil {
		goauditClaims = make(map[goauditName][]goauditClaim)
	}
	goauditClaims[key] = append(keep, c)
}

// goauditDropped is a name with the claims that have been taken off it.
type goauditDropped struct {
	key    goauditName
	claims []goauditClaim
}

// goauditDropNames takes out of the registers what guests have registered whom the
// runtime asks about.  Where a register can't be locked, it stays.
func goauditDropNames() (dropped []goauditDropped) {
	for i := range goauditRegisters {
		if len(goauditNamesOf(i)) == 0 { // flag's lock stops the world
			continue
		}
		r := &goauditRegisters[i]
		r.locked(func() {
			names := goauditNamesOf(i)
			// Names that go first: one that comes back may be at odds with them.
			for _, back := range [...]bool{false, true} {
				for _, key := range names {
					if d := r.drop(key, back); d.claims != nil {
						dropped = append(dropped, d)
					}
				}
			}
		})
	}
	return dropped
}

// goauditNamesOf returns the names of a register that such guests have claimed.
func goauditNamesOf(register int) (names []goauditName) {
	goauditLockNames()
	for key, claims := range goauditClaims {
		for i := range claims {
			if key.register == register && claims[i].by != 0 && goauditDiesNumber(claims[i].by) {
				names = append(names, key)
				break
			}
		}
	}
	goauditUnlockNames()
	return names
}

// drop drops the claims on one name, if something comes back in their place or not.
func (r *goauditRegister) drop(key goauditName, back bool) goauditDropped {
	var keep, gone []goauditClaim
	goauditLockNames()
	claims := goauditClaims[key]
	for i := range claims {
		if claims[i].by != 0 && goauditDiesNumber(claims[i].by) {
			gone = append(gone, claims[i])
		} else {
			keep = append(keep, claims[i])
		}
	}
	topGone := len(gone) != 0 && gone[len(gone)-1].order == claims[len(claims)-1].order
	var value any
	if topGone && len(keep) != 0 {
		value = keep[len(keep)-1].value
	}
	if len(gone) == 0 || (value != nil) != back {
		goauditUnlockNames()
		return goauditDropped{}
	}
	if value != nil {
		keep[len(keep)-1].value = nil
	}
	if len(keep) == 0 || len(keep) == 1 && keep[0].pkg == "" {
		delete(goauditClaims, key)
	} else {
		goauditClaims[key] = keep
	}
	goauditUnlockNames()
	if topGone {
		gone[len(gone)-1].value = r.set(key.name, value)
	}
	return goauditDropped{key, gone}
}

// goauditPutNames puts back what has been dropped of guests that are not gone.
func goauditPutNames(dropped []goauditDropped) {
	for i := len(dropped) - 1; i >= 0; i-- {
		d := &dropped[i]
		r := &goauditRegisters[d.key.register]
		for !r.locked(func() {
			for _, c := range d.claims {
				if !goauditDiesNumber(c.by) {
					r.put(d.key, c)
				}
			}
		}) {
			goauditYield()
		}
	}
}

// put puts a claim where it was, by its order.
func (r *goauditRegister) put(key goauditName, c goauditClaim) {
	goauditLockNames()
	claims := goauditClaims[key]
	var now []goauditClaim
	for i := range claims {
		if claims[i].order < c.order {
			now = append(now, claims[i])
		}
	}
	top := len(now) == len(claims)
	value := c.value
	if top {
		c.value = nil
	}
	now = append(append(now, c), claims[len(now):]...)
	goauditClaims[key] = now
	goauditUnlockNames()
	if !top {
		return
	}
	old := r.set(key.name, value)
	goauditLockNames()
	if len(now) > 1 {
		now[len(now)-2].value = old
	} else if old != nil {
		goauditClaims[key] = append([]goauditClaim{{value: old}}, now...)
	}
	goauditUnlockNames()
}
