#!/bin/bash
# A file of libdlbind needs only files below it: NAME.c with NAME.h is a module, an #include
# of another one's header an edge, and there is no circle.  What includes it (an auditor)
# is known to it by no name.
. "$(dirname "$0")/../lib.sh"
[ -d "$ROOT/dlbind" ] || skip "the sources are not here"

edges() { # FOLDER
	(cd "$1" && grep -o '^#include "[^"]*"' -- *.[ch]) |
		sed -E 's/^([a-z]+)\.[ch]:#include "([^"]*)\.h"/\1 \2/' | awk '$1 != $2' | sort -u
}
# shellcheck disable=SC2094	# a function of the same name
edges "$ROOT/dlbind" >edges
[ "$(wc -l <edges)" -ge 40 ] || fail "edges: $(cat edges)"
! grep -vE '^[a-z]+ [a-z]+$' edges || fail "an include that is none of a module here"
tsort edges >order 2>circle || fail "a circle: $(cat circle)"

# The control: one edge more, from the lowest to the highest that stands over it.
# shellcheck disable=SC2238	# a file
{ cat edges; echo "state $(grep ' state$' edges | head -1 | cut -d' ' -f1)"; } >more
! tsort more >/dev/null 2>circle || fail "a circle is not seen"

mapfile -t sources < <(find "$ROOT/dlbind" -maxdepth 1 -name '*.[ch]')
! grep -n '\bgoaudit_' "${sources[@]}" || fail "names of the audit module"
# Each header can be included alone.
for h in "$ROOT"/dlbind/*.h; do
	echo "#include \"$h\"" | gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$ROOT/include" \
		-fsyntax-only -x c - || fail "$h is not whole"
done
# The machine's numbers stand in one place, for all but goaudit dfly, which has its own.
mapfile -t sources < <(find "$ROOT/dlbind" "$ROOT/audit" -name '*.[ch]' ! -path '*/examples/*' \
	! -path '*/tool/dfly/*' ! -path "$ROOT/dlbind/machine.h")
! grep -nE '\b(R_X86_64_[A-Z0-9]+|EM_X86_64|0xcc|0xc3)\b|\b(PAGE|page) 4096' "${sources[@]}" || fail "what depends on the machine"
