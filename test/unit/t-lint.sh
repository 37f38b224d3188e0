#!/bin/bash
# The sources are clean in the eyes of the tools of `make lint', and each of these sees a
# mistake of its kind.
. "$(dirname "$0")/../lib.sh"
[ -f "$ROOT/Makefile" ] && [ -f "$ROOT/test/lint.mk" ] || skip "the sources are not here"

status=0
"$ROOT/test/lint" >lint.txt 2>&1 || status=$?
cat lint.txt
[ $status = 0 ] || [ $status = 77 ] || fail "make lint"

# The tools look for their settings from a file's folder upwards.
cp "$ROOT"/.clang-format "$ROOT"/.clang-tidy "$ROOT"/.shellcheckrc .
lint() { # NAME VARIABLE FILE
	make -s -C "$ROOT" "lint-$1" L="$PWD/lint/$3" "$2=$PWD/$3" >>control.txt 2>&1
}
control() { # NAME VARIABLE ENDING GOOD WRONG WHAT-IS-SAID-OF-IT
	! grep -q "^$1: not run" lint.txt || return 0
	printf '%s\n' "$4" >"$1-good.$3"
	printf '%s\n' "$5" >"$1-wrong.$3"
	: >control.txt
	lint "$1" "$2" "$1-good.$3" || { cat control.txt; fail "$1: what is good is not clean"; }
	! lint "$1" "$2" "$1-wrong.$3" || fail "$1: sees nothing"
	grep -q -e "$6" control.txt || { cat control.txt; fail "$1: sees something else"; }
}
unset MAKEFLAGS MAKELEVEL
control format LINT_STYLED c $'int f(int a)\n{\n\treturn a;\n}' 'int f(int a) { return a; }' clang-format
control clang LINT_C c 'int f(int a) { return a < 1; }' 'int f(int a) { return a < 1 || a < 1; }' misc-redundant-expression
control clang LINT_C c 'int f(int a) { return a; }' 'int f(int a) { int b; return a; }' unused-variable
control analyzer LINT_ANALYZED c $'#include <stdlib.h>\nvoid f(char *p) { free(p); }' \
	$'#include <stdlib.h>\nvoid f(char *p) { free(p); free(p); }' double-free
control shell LINT_SHELL sh $'#!/bin/sh\necho "$1"' $'#!/bin/sh\nfor f in $(ls); do echo "$f"; done' SC2045
control python LINT_PYTHON py 'assert 1' 'assert (1, "always")' SyntaxWarning\\\|SyntaxError

[ $status = 0 ] || skip "$(sed -n 's/: not run//p' lint.txt | paste -sd';' | sed 's/;/; /g'): not run; the rest is clean"
