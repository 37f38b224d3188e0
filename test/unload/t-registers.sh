#!/bin/bash
# What callers can leave in variables of this release's std is what audit/go/overlay/REGISTERS
# has: a new register needs to be one that a guest's next build takes over, or a line that
# says why not. What is there said to be a register is one, and has a test.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
[ -n "$minor" ] || skip "a Go of no release"
(cd "$ROOT/test/unload/registers" && GO111MODULE=off go build -o "$TEST_DIR/registers" main.go) ||
	fail "registers: does not build"
export GOROOT
GOROOT=$(go env GOROOT)
./registers >found.txt || fail "registers"
[ "$(grep -c . found.txt)" -ge 50 ] || fail "only $(grep -c . found.txt) found"

# KIND VARIABLE of this release's lines
lines_of() {
	awk -v minor="$minor" '/^#/ || NF == 0 { next }
		NF < 4 || $1 !~ /^(register|holds|cache|own)$/ { print "bad line: " $0; next }
		{ from = 22; to = 999; split($3, r, "-"); sub(/^1\./, "", r[1]); sub(/^1\./, "", r[2]) }
		$3 != "*" { from = r[1]; if (r[2] != "") to = r[2] }
		minor >= from + 0 && minor <= to + 0 { print $1, $2 }' "$1"
}
lines_of "$ROOT/audit/go/overlay/REGISTERS" >lines.txt
cut -d ' ' -f 2 lines.txt | LC_ALL=C sort >known.txt
LC_ALL=C sort -o found.txt found.txt
diff -u known.txt found.txt || fail "REGISTERS and the sources differ (+: no line there)"

# Each register's package has an overlay file that makes it one, and the test names it.
grep '^register ' lines.txt | while read -r _ variable; do
	package=${variable%.*}
	grep -lq 'goauditOnRegister(\|goauditOnMap(' "$ROOT/audit/go/overlay/$package"/*.go ||
		fail "$variable: no register in overlay/$package"
	grep -q "\"$package\"" "$ROOT/test/state/registers/own.go" || fail "$variable: no test"
done || exit 1

# Negative control: a release with a register more.
copy=$TEST_DIR/root
mkdir -p "$copy/src/html"
for f in "$GOROOT"/src/*; do [ "${f##*/}" = html ] || ln -s "$f" "$copy/src/"; done
cp "$GOROOT"/src/html/*.go "$copy/src/html/"
cat >"$copy/src/html/more.go" <<'GO'
package html

var more struct{ names map[string]func() }

type list struct{ all []any }

func (l *list) add(v any) { l.all = append(l.all, v) }

var Also list

func (l *list) Add(v any) { l.add(v) }

func put(name string, f func()) { more.names[name] = f }

func Register(name string, f func()) { put(name, f) }

func Count(n int) { more.names = nil }
GO
GOROOT=$copy ./registers html | LC_ALL=C sort >more.txt
printf '%s\n' html.Also html.more | diff -u - more.txt || fail "what is new is not seen"
