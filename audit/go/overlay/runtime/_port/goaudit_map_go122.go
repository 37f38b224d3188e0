//go:build !go1.24

package runtime

import (
	"internal/abi"
	"unsafe"
)

// Maps: tables of buckets.  With a map type, reflect makes a bare _type for its
// buckets, with a name, and keeps it in no cache.

func goauditMapBucket(t *_type) *_type {
	if t.Kind() != abi.Map {
		return nil
	}
	return (*maptype)(unsafe.Pointer(t)).Bucket
}
