#!/bin/bash
# goaudit inspect on some thousand mutated images, always the same, and all that reads
# images on a corpus that a guided fuzzer has found, under the address and
# undefined-behaviour sanitizers; `make fuzz' goes on from there.
. "$(dirname "$0")/../lib.sh"
[ -x "$GOAUDIT_BUILD/test/fuzz" ] || fail "test/fuzz is not built"
"$ROOT/test/fuzz/run" 20000 1 >out || fail "$(cat out)"
grep -q 'inputs of .* images, .* usable: no crash, no hang' out || fail "$(cat out)"
grep -q '^[1-9][0-9]* inputs of the corpus: no crash, no hang' out || fail "$(cat out)"
