#!/bin/bash
# 300 changed generations of a guest with JSON, goroutines and timers in one
# process: mappings, descriptors, snapshots, modules, itabs, heap objects and memory are
# as many at the end as at the beginning.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

"$ROOT/test/soak/run" 300 || fail "the soak of 300 generations"
