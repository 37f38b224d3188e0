//go:build !go1.23

package runtime

// Execution traces: they know no types, and may be built without parts.

func goauditTraceKnowsTypes() bool { return false }

func goauditTracePart() (part uintptr, writing bool) { return 0, false }
