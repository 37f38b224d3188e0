package rpc

// Services of DefaultServer: see goaudit_names.go of package sync.

import (
	"sync"
	"unsafe"
)

//go:linkname goauditOnMap sync.goauditOnMap
func goauditOnMap(m *sync.Map) (register int)

//go:linkname goauditLoadOrStore sync.goauditLoadOrStore
func goauditLoadOrStore(m *sync.Map, register int, name, value any, equal bool) (actual any, loaded bool)

//go:linkname goauditOnVar runtime.goauditOnVar
func goauditOnVar(p unsafe.Pointer, size uintptr, kind int)

var (
	goauditServer   = DefaultServer
	goauditServices = goauditOnMap(&DefaultServer.serviceMap)
)

func init() {
	const cache = 1
	goauditOnVar(unsafe.Pointer(&goauditServer.serviceMap), unsafe.Sizeof(goauditServer.serviceMap), cache)
}

func (server *Server) goauditAdd(name string, s *service) (actual any, dup bool) {
	if server == goauditServer {
		return goauditLoadOrStore(&server.serviceMap, goauditServices, name, s, false)
	}
	return server.serviceMap.LoadOrStore(name, s)
}
