package http

// Protocols of DefaultTransport: see goaudit_names.go of package sync.

import (
	"reflect"
	"unsafe"
)

var (
	goauditTransport, _ = DefaultTransport.(*Transport)
	goauditProtocols    = goauditOnRegister(func(fn func()) bool {
		goauditTransport.altMu.Lock()
		defer goauditTransport.altMu.Unlock()
		fn()
		return true
	}, func(name, value any) (old any) {
		is, _ := goauditTransport.altProto.Load().(map[string]RoundTripper)
		now := make(map[string]RoundTripper)
		for scheme, rt := range is {
			now[scheme] = rt
		}
		scheme := name.(string)
		if rt, ok := now[scheme]; ok {
			old = rt
		}
		if value != nil {
			now[scheme] = value.(RoundTripper)
		} else {
			delete(now, scheme)
		}
		goauditTransport.altProto.Store(now)
		return old
	})
)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&goauditTransport.altProto), unsafe.Sizeof(goauditTransport.altProto), cache)
}

// goauditDup: may RegisterProtocol not put *rt under this scheme?  If another one is to
// stay, *rt becomes that.  altMu is held.
func (t *Transport) goauditDup(scheme string, rt *RoundTripper, is map[string]RoundTripper) bool {
	var old any
	if there, ok := is[scheme]; ok {
		old = there
	}
	// HTTP/2 registers itself when somebody makes the first request.
	own := scheme == "https" && goauditOfHere(*rt)
	if t != goauditTransport || own {
		return old != nil
	}
	switch goauditTake(goauditProtocols, scheme, old, 0) {
	case goauditRefuse:
		return true
	case goauditLeave:
		if old, ok := old.(RoundTripper); ok {
			*rt = old
		}
	}
	return false
}

func goauditOfHere(rt RoundTripper) bool {
	t := reflect.TypeOf(rt)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t != nil && t.PkgPath() == "net/http"
}
