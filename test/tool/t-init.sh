#!/bin/bash
# goaudit init: a module that opens guests builds for everybody who has it, with plain go, on
# other systems and without cgo; what is missing there is an error of Open.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

tool=$GOAUDIT_BUILD/goaudit
mkdir -p m/cmd/server m/plugin && cd m
printf 'module example.com/m\n\ngo 1.26\n' >go.mod
cat >cmd/server/main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"goaudit/guest"
)

func main() {
	g, err := guest.Open(os.Args[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	hello, err := guest.Bind[func() string](g, "Hello")
	fmt.Println(hello.Get()(), err, g.Reload(), g.Close(), guest.Reclaim(0))
}
GO
cat >plugin/main.go <<'GO'
package main

import "goaudit/guest/state"

var n int

func init() {
	state.Hand(func() ([]byte, uint32, error) { return nil, 1, nil }, func([]byte, uint32) error { return nil })
}

func Hello() string { return "hello" }

func main() {}
GO
expect_output "$tool" init cmd/server <<<"$PWD: import \"goaudit/guest\", and commit internal/goaudit-guest"
cp go.mod once
"$tool" init >/dev/null	# again: the same
diff once go.mod || fail "go.mod changes"
! grep -F "$ROOT" go.mod || fail "go.mod has a path of this machine"
# As a colleague has it: no goaudit, no network.
export GOFLAGS=-mod=mod GOPROXY=off
go mod tidy && go vet ./... && go build ./... && go test ./... >text 2>&1 || fail "go: $(cat text)"
for os in linux darwin windows freebsd; do
	[ "$(GOOS=$os CGO_ENABLED=0 go list -f '{{.GoFiles}}' goaudit/guest goaudit/guest/state)" = '[guest_other.go]
[state_other.go]' ] || fail "$os without cgo"
done
[ "$(GOOS=darwin CGO_ENABLED=1 go list -f '{{.GoFiles}}' goaudit/guest)" = '[guest_other.go]' ] || fail "darwin"
CGO_ENABLED=0 go build -o server ./cmd/server
expect_output ./server g.so <<'E'
g.so: guests want Go 1.26 on Linux, x86-64, with cgo: build the program by goaudit build -exe
E
unset GOFLAGS GOPROXY
"$tool" build -exe -o "$TEST_DIR/server" ./cmd/server && "$tool" build -o "$TEST_DIR/plugin.so" ./plugin || fail "build"
cd ..
expect_output run_audited ./server plugin.so <<<'hello <nil> <nil> <nil> 0'
# Both sides of the build tag have the same names.
names() { sed -nE 's/^(func (\([a-z]+ \*?[A-Za-z]+(\[T\])?\) )?[A-Z][A-Za-z]*(\[T any\])?|type [A-Z][A-Za-z]*).*/\1/p' "$@" | sort; }
for file in guest state/state; do
	diff <(names "$ROOT/audit/go/guest/$file.go") <(names "$ROOT/audit/go/guest/${file}_other.go") || fail "$file: other names"
done
# What is not of goaudit init stays; without a module there is nothing to put it into.
mkdir -p other/internal/goaudit-guest && printf 'module other\n' >other/go.mod
status=0; "$tool" init other >text 2>&1 || status=$?
[ $status = 1 ] && grep -q 'it is there, and not of goaudit init: move it away' text || fail "$status $(cat text)"
mkdir none
status=0; "$tool" init none >text 2>&1 || status=$?
[ $status = 1 ] && grep -qxF 'goaudit: none: it is in no module: run go mod init first' text || fail "$status $(cat text)"
