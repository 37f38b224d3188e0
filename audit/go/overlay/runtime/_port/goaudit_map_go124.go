//go:build go1.24

package runtime

// Maps: Swiss tables, whose groups are struct types like others.

func goauditMapBucket(t *_type) *_type { return nil }
