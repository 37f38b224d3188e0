#!/bin/bash
# Random programs of some guests that hold each other's values in many ways: who is
# held and who is gone is what a model of them says.  make soak runs 10000.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"
build_random
run_audited ./random 1 60 2>counts.txt >random.txt || { cat random.txt counts.txt; fail "a program"; }
expect_lines "60 programs: held some, gone some" <random.txt
# without a look at type words the same programs must fail; what hangs has failed, too
GOAUDIT_TEST_UNLINK=0x10000 LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so \
	timeout 800 ./random 1 60 >control.txt 2>&1 && fail "the control has passed"
grep -q "is gone\|unexpected fault\|SIGSEGV" control.txt || { cat control.txt; fail "the control"; }
