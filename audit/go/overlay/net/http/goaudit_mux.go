package http

// Patterns of DefaultServeMux: see goaudit_names.go of package sync.  Not those of
// GODEBUG=httpmuxgo121=1.

import "unsafe"

//go:linkname goauditOnRegister sync.goauditOnRegister
func goauditOnRegister(locked func(fn func()) bool, set func(name, value any) any) (register int)

//go:linkname goauditTake sync.goauditTake
func goauditTake(register int, name, old any, how int) int

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

const (
	goauditRefuse = 1
	goauditLeave  = 2
	goauditAsk    = 4
)

// goauditRoute is what is registered under a pattern.
type goauditRoute struct {
	pat     *pattern
	handler Handler
}

var goauditRoutes = goauditOnRegister(func(fn func()) bool {
	defaultServeMux.mu.Lock()
	defer defaultServeMux.mu.Unlock()
	fn()
	return true
}, func(name, value any) (old any) {
	mux := &defaultServeMux
	if n := mux.tree.goauditFind(name.(string)); n != nil {
		old = goauditRoute{n.pattern, n.handler}
	}
	if value != nil {
		mux.goauditPut(value.(goauditRoute))
	} else if old != nil {
		mux.goauditRemove(old.(goauditRoute).pat)
	}
	return old
})

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&defaultServeMux), unsafe.Sizeof(defaultServeMux), cache)
	goauditOnVar(unsafe.Pointer(&goauditYield), unsafe.Sizeof(goauditYield), cache)
}

// each calls f for the leaves until it returns false.
func (n *routingNode) goauditEach(f func(*routingNode) bool) bool {
	if n == nil {
		return true
	}
	if n.pattern != nil && !f(n) {
		return false
	}
	good := true
	n.children.eachPair(func(_ string, c *routingNode) bool {
		good = c.goauditEach(f)
		return good
	})
	return good && n.goauditMulti().goauditEach(f) && n.emptyChild.goauditEach(f)
}

func (n *routingNode) goauditFind(name string) (found *routingNode) {
	n.goauditEach(func(leaf *routingNode) bool {
		if leaf.pattern.str == name {
			found = leaf
		}
		return found == nil
	})
	return found
}

// goauditPut registers a route, in the place of that of the same pattern.
func (mux *ServeMux) goauditPut(r goauditRoute) {
	if n := mux.tree.goauditFind(r.pat.str); n != nil {
		mux.index.goauditReplace(n.pattern, r.pat)
		n.pattern, n.handler = r.pat, r.handler
		return
	}
	mux.tree.addPattern(r.pat, r.handler)
	mux.index.addPattern(r.pat)
}

// goauditReplace puts a pattern where an equal one is.
func (idx *routingIndex) goauditReplace(old, pat *pattern) {
	put := func(pats []*pattern) {
		for i := range pats {
			if pats[i] == old {
				pats[i] = pat
			}
		}
	}
	put(idx.multis)
	for _, pats := range idx.segments {
		put(pats)
	}
}

// goauditRemove makes the tree anew, without a pattern.
func (mux *ServeMux) goauditRemove(pat *pattern) {
	var keep []goauditRoute
	mux.tree.goauditEach(func(n *routingNode) bool {
		if n.pattern != pat {
			keep = append(keep, goauditRoute{n.pattern, n.handler})
		}
		return true
	})
	mux.tree, mux.index = routingNode{}, routingIndex{}
	for _, r := range keep {
		mux.tree.addPattern(r.pat, r.handler)
		mux.index.addPattern(r.pat)
	}
}

// goauditYield: the patterns that one which is about to be registered conflicts with, and
// that can yield to it.  Under defaultServeMux.mu.
var goauditYield struct {
	to    *pattern
	pats  []*pattern
	leave bool
}

// goauditConflicts is conflictsWith, but for a pattern that can yield.
func (mux *ServeMux) goauditConflicts(pat, there *pattern) bool {
	y := &goauditYield
	if !pat.conflictsWith(there) || mux != &defaultServeMux {
		return mux != &defaultServeMux && pat.conflictsWith(there)
	}
	if y.to != pat {
		y.to, y.pats, y.leave = pat, nil, false
	}
	switch goauditTake(goauditRoutes, there.str, goauditRoute{pat: there}, goauditAsk) {
	case goauditRefuse:
		return true
	case goauditLeave:
		y.leave = true
	}
	for _, p := range y.pats {
		if p == there {
			return false
		}
	}
	y.pats = append(y.pats, there)
	return false
}

// goauditAdd registers a pattern that nothing conflicts with but what can yield.
func (mux *ServeMux) goauditAdd(pat *pattern, h Handler) {
	if mux != &defaultServeMux {
		mux.tree.addPattern(pat, h)
		mux.index.addPattern(pat)
		return
	}
	y := goauditYield
	goauditYield.to, goauditYield.pats = nil, nil
	if y.to != pat {
		y.pats, y.leave = nil, false
	}
	if y.leave {
		return
	}
	again := false
	for _, there := range y.pats {
		n := mux.tree.goauditFind(there.str)
		if goauditTake(goauditRoutes, there.str, goauditRoute{there, n.handler}, 0) != 0 {
			return
		}
		if there.str != pat.str {
			mux.goauditRemove(there)
		}
		again = again || there.str == pat.str
	}
	if again || goauditTake(goauditRoutes, pat.str, nil, 0) == 0 {
		mux.goauditPut(goauditRoute{pat, h})
	}
}
