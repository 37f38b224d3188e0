#!/bin/bash
# What the proof's marker does not see, as this release of Go and the overlay have it,
# is what audit/go/overlay/TABLES has: a new variable, type or allocation needs a line
# there that says who clears it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
[ -n "$minor" ] || skip "a Go of no release"
tables=$ROOT/audit/go/overlay/TABLES

# KIND NAME of this release's lines: lines_of FILE
lines_of() {
	awk -v minor="$minor" '/^#/ || NF == 0 { next }
		NF < 4 { print "bad line: " $0; next }
		{ from = 22; to = 999; split($3, r, "-"); sub(/^1\./, "", r[1]); sub(/^1\./, "", r[2]) }
		$3 != "*" { from = r[1]; if (r[2] != "") to = r[2] }
		minor >= from + 0 && minor <= to + 0 { print $1, $2 }' "$1" | LC_ALL=C sort
}

(cd "$ROOT/test/unload/tables" && GO111MODULE=off go build -o "$TEST_DIR/tables" main.go) ||
	fail "tables: does not build"
export GOROOT
GOROOT=$(go env GOROOT)
./tables "$ROOT/audit/go/overlay" >found.txt || fail "tables"
lines_of "$tables" >known.txt
[ "$(grep -c . found.txt)" -ge 100 ] || fail "only $(grep -c . found.txt) found"
diff -u known.txt found.txt || fail "TABLES and the sources differ (+: no line there)"

# Negative control: an exempt variable, an allocation and a type of memory more.
cp -r "$ROOT/audit/go/overlay" overlay
cat >overlay/runtime/goaudit_one_more.go <<'GO'
package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

type goauditOneMore struct {
	_ sys.NotInHeap
	p uintptr
}

var goauditOneMoreTable []uintptr

func init() {
	goauditOnVar(unsafe.Pointer(&goauditOneMoreTable), unsafe.Sizeof(goauditOneMoreTable), 0)
}

func goauditOneMoreAlloc() *goauditOneMore {
	return (*goauditOneMore)(persistentalloc(unsafe.Sizeof(goauditOneMore{}), 8, &memstats.other_sys))
}
GO
[ "$minor" -ge 24 ] || sed -i 's,internal/runtime/sys,runtime/internal/sys,' overlay/runtime/goaudit_one_more.go
./tables overlay | diff found.txt - | grep '^>' >more.txt || :
printf '> %s\n' "alloc goauditOneMoreAlloc" "exempt runtime.goauditOneMoreTable" "offheap goauditOneMore" |
	diff -u - more.txt || fail "what is new is not seen"
