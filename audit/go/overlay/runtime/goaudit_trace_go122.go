//go:build !go1.23

package runtime

// Execution traces: they know no types.

func goauditTraceKnowsTypes() bool { return false }
