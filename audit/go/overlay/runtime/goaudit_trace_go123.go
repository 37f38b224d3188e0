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
