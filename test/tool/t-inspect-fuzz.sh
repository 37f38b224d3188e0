#!/bin/bash
# goaudit inspect on some thousand mutated images, always the same, under the
# address and undefined-behaviour sanitizers; `make fuzz' runs a million.
. "$(dirname "$0")/../lib.sh"
[ -x "$GOAUDIT_BUILD/test/fuzz" ] || fail "test/fuzz is not built"
"$ROOT/test/fuzz/run" 20000 1 >out || fail "$(cat out)"
grep -q 'inputs of .* images, .* usable: no crash, no hang' out || fail "$(cat out)"
