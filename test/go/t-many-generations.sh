#!/bin/bash
# 300 changed generations of a guest with JSON, goroutines and timers in one
# process: mappings, descriptors, snapshots, modules, itabs and heap objects are
# the same at the end as after the first fifty, and memory is within the noise.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go/golib.sh"
export GODEBUG=	# measured as it runs in earnest

"$ROOT/test/soak/run" 300 || fail "the soak of 300 generations"
