#!/bin/bash
# The property test and the JIT under valgrind: no error, no leak.
. "$(dirname "$0")/dlbind.sh"

command -v valgrind >/dev/null || skip "no valgrind"
jit_object
dl_host property "$ROOT/test/dlbind/property.c" <<<""
dl_host calc "$EXAMPLES/calc.c" jit.o <<<""
check() {
	valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
		--smc-check=all "$@" >out.txt 2>err.txt || fail "$*: $(cat out.txt err.txt)"
	grep -v 'Warning: set address range perms' err.txt && fail "$*"
	return 0
}
check ./property 3000 5
check ./calc 'f=x*x' 'g=f(x)+1' g:3
