//go:build go1.24 && !go1.26

package ld

import "internal/abi"

type goauditMapType = abi.SwissMapType
