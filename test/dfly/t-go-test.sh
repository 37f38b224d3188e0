#!/bin/bash
# GOOS=dragonfly go test -exec 'goaudit dfly': packages of std, and a module with files
# beside it, tests that fail, and a go run.  make dfly has the long list.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

gotest() { for_dragonfly go test -exec "$DFLY dfly" "$@"; }
gotest -short errors fmt sync/atomic os/exec >out.txt 2>&1 || { cat out.txt; fail "std"; }
[ "$(grep -c '^ok' out.txt)" = 4 ] || { cat out.txt; fail "std"; }

mkdir -p m/testdata && cd m
echo 'it is there' >testdata/file
printf 'module m\n\ngo 1.22\n' >go.mod
cat >m_test.go <<'G'
package m

import (
	"flag"
	"os"
	"runtime"
	"testing"
)

var fails = flag.Bool("fails", false, "")

func TestSystem(t *testing.T) {
	if runtime.GOOS != "dragonfly" {
		t.Fatal(runtime.GOOS)
	}
	// What Linux alone has is not seen: std looks for a map of the process there.
	if _, err := os.ReadFile("/proc/self/maps"); !os.IsNotExist(err) {
		t.Fatal("/proc/self/maps:", err)
	}
}

func TestFileBeside(t *testing.T) {
	b, err := os.ReadFile("testdata/file")
	if err != nil || string(b) != "it is there\n" {
		t.Fatalf("%q %v", b, err)
	}
}

func TestWrong(t *testing.T) {
	if *fails {
		t.Error("as it was told")
	}
}
G
gotest -count=1 -v . >out.txt 2>&1 || { cat out.txt; fail "a module's tests"; }
[ "$(grep -c '^--- PASS' out.txt)" = 3 ] || { cat out.txt; fail "a module's tests"; }
! gotest -count=1 . -args -fails >out.txt 2>&1 || fail "a test that fails passes"
grep -q 'as it was told' out.txt || { cat out.txt; fail "a test that fails"; }
for_dragonfly go test -count=1 . >out.txt 2>&1 && fail "works without goaudit"
cd ..
(cd "$PROGRAMS" && for_dragonfly go run -exec "$DFLY dfly" ./hello x) >out.txt 2>&1 || fail "$(cat out.txt)"
grep -q '^hello from dragonfly amd64 as .* with x' out.txt || fail "$(cat out.txt)"
