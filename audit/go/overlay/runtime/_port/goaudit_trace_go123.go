//go:build go1.23

package runtime

// Execution traces: with GODEBUG=traceallocfree=1 they have a table of the types that
// were allocated, which is read at the end of each part of the trace
// (traceTypeTable.dump).

func goauditTraceKnowsTypes() bool {
	for i := range trace.typeTab {
		if trace.typeTab[i].tab.root.Load() != nil {
			return true
		}
	}
	return false
}

// goauditTracePart returns the part that is recorded, numbered from 1, or 0; and whether
// the last one is being written (traceAdvance).
func goauditTracePart() (part uintptr, writing bool) {
	return trace.gen.Load(), trace.shutdown.Load()
}
