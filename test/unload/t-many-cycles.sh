#!/bin/bash
# A guest with JSON, fmt, goroutines, maps, timers and generics is opened, called and
# closed many times while four threads call another guest and the collector runs: all
# are unmapped, and memory is as much in the end as at the beginning.  make soak runs
# 10000 cycles.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"
build_cycles
run_cycles 200 200
