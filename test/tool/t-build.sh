#!/bin/bash
# goaudit build beyond one package of one module: several at once and patterns,
# a workspace, a vendor folder, -cover; what is refused, and with which words;
# the result is cross-checked.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
unset GODEBUG GOFLAGS
main() { # EXPRESSION [IMPORT]
	printf 'package main\n\nimport "C"\n%s\n//export value\nfunc value() C.int { return C.int(%s) }\n\nfunc main() {}\n' \
		"${2:+import \"$2\"}" "$1"
}
cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s %d\n", argv[i], call(open_guest(argv[i]), "value"));
	return 0;
}
C
# A workspace: two modules, one uses the other; a package that is no main.
mkdir -p ws/app/one ws/app/two ws/app/lib ws/lib
printf 'go 1.22\n\nuse ./app\nuse ./lib\n' >ws/go.work
printf 'module example.com/lib\n\ngo 1.22\n' >ws/lib/go.mod
printf 'package lib\n\nconst N = 40\n' >ws/lib/lib.go
printf 'module example.com/app\n\ngo 1.22\n' >ws/app/go.mod
printf 'package lib\n\nconst M = 1\n' >ws/app/lib/lib.go
main 'lib.N + 1' example.com/lib >ws/app/one/main.go
main 'lib.M + 1' example.com/app/lib >ws/app/two/main.go
(cd ws/app && "$tool" build -o "$TEST_DIR/many/" ./...) || fail "build ./..."
expect_output run_audited ./host many/one.so many/two.so <<'E'
many/one.so 41
many/two.so 2
E
[ -f many/one.h ] && [ -f many/two.h ] && [ "$(find many -mindepth 1 -maxdepth 1 | wc -l)" = 4 ] || fail "$(ls many)"
# A vendor folder.
mkdir -p vendored/vendor/example.com/lib
printf 'module example.com/vendored\n\ngo 1.22\n\nrequire example.com/lib v1.0.0\n' >vendored/go.mod
printf '# example.com/lib v1.0.0\n## explicit; go 1.22\nexample.com/lib\n' >vendored/vendor/modules.txt
printf 'package lib\n\nconst N = 50\n' >vendored/vendor/example.com/lib/lib.go
main 'lib.N' example.com/lib >vendored/main.go
(cd vendored && "$tool" build -o "$TEST_DIR/") || fail "vendor"
# Coverage: the guest writes it out itself, since its process goes on.
mkdir -p cover counters
printf 'module example.com/cover\n\ngo 1.22\n' >cover/go.mod
cat >cover/main.go <<'GO'
package main

import "C"

import "runtime/coverage"

//export value
func value() C.int {
	if coverage.WriteMetaDir("counters") != nil || coverage.WriteCountersDir("counters") != nil {
		return 1
	}
	return 0
}

func main() {}
GO
"$tool" build -C cover -covermode=atomic -o "$TEST_DIR/" . || fail "-cover"
GOCOVERDIR=$PWD/counters expect_output run_audited ./host ./vendored.so ./cover.so <<'E'
./vendored.so 50
./cover.so 0
E
go tool covdata percent -i=counters | grep -q 'example.com/cover.*coverage: [1-9][0-9.]*%' || fail "no coverage: $(go tool covdata percent -i=counters)"

# Refused.
mkdir -p same/a/x same/b/x
printf 'module example.com/same\n\ngo 1.22\n' >same/go.mod
main 1 >same/a/x/main.go; cp same/a/x/main.go same/b/x
ends_saying 1 "goaudit: $PWD/same/a/x and $PWD/same/b/x: both would be x.so: build them one by one with -o" "$tool" build -C same ./...
ends_saying 1 'goaudit: ./lib/...: no main package among them: a guest is one' "$tool" build -C ws/app ./lib/...
ends_saying 1 'goaudit: -o many/one.so: several packages: name a folder, with a slash at its end' \
	env -C ws/app "$tool" build -o many/one.so ./one ./two
ends_saying 1 'goaudit: -race: the race detector has to be in the runtime library and in the process from its start: test the package with go test -race instead' \
	"$tool" build -C cover -race .
ends_saying 1 'goaudit: -buildmode=plugin: a guest is always built as c-shared: leave it out' "$tool" build -buildmode=plugin -C cover .
ends_saying 2 "goaudit: -ldflags=-s 'x: quotes that do not match: see go help build" "$tool" build "-ldflags=-s 'x" -C cover .
ends_saying 1 'goaudit: -C nowhere: No such file or directory' "$tool" build -C nowhere .
ends_saying 2 'goaudit: -o: needs a value: see go help build' "$tool" build -o
# Of several, those that build are built.
printf 'package main\n\nfunc main() { x }\n' >ws/app/one/main.go
(cd ws/app && "$tool" build -o "$TEST_DIR/some/" ./...) >out.txt 2>&1 && fail "a failed build passes"
[ "$(ls some)" = $'two.h\ntwo.so' ] || fail "$(ls some)"
# What inspect has to say of the result is said.
mkdir -p stack
printf 'module example.com/stack\n\ngo 1.22\n' >stack/go.mod
main 1 >stack/main.go
ends_saying 0 "goaudit: $PWD/stack.so: warning: it asks for an executable stack: glibc 2.41 and later refuses to open it: link it with -z noexecstack; assembly needs a .note.GNU-stack section" \
	"$tool" build -C stack '-ldflags=-extldflags=-Wl,-z,execstack' -o "$PWD/stack.so" .
# Settings of GODEBUG have no effect in a guest.
mkdir -p debug
printf 'module example.com/debug\n\ngo 1.22\n' >debug/go.mod
{ printf '//go:debug panicnil=1\n\n'; main 1; } >debug/main.go
ends_saying 0 'goaudit: ./main.go:1: warning: //go:debug panicnil=1: a guest has the settings of its process: leave it out, and set GODEBUG for the host' \
	"$tool" build -C debug -o "$PWD/debug.so" .
# runtime: the list knows the current one; cleaning in a cache of its own.
"$tool" runtime --list | grep -q 'MB  .*  current$' || fail "runtime --list: $("$tool" runtime --list)"
mkdir -p cache/runtime/go1.1-old cache/runtime/of-the-user
touch cache/runtime/go1.1-old/.goaudit
[ "$(GOAUDIT_CACHE=$PWD/cache "$tool" runtime --list)" = 'go1.1-old     0 MB  -  incomplete' ] || fail "$(GOAUDIT_CACHE=$PWD/cache "$tool" runtime --list)"
GOAUDIT_CACHE=$PWD/cache ends_saying 0 'removed go1.1-old' "$tool" runtime --clean --keep-current
GOAUDIT_CACHE=$PWD/cache ends_saying 1 'goaudit: go1.1-old: no such library: see goaudit runtime --list' "$tool" runtime --clean go1.1-old
[ -z "$(GOAUDIT_CACHE=$PWD/cache "$tool" runtime --list)" ] || fail "not removed"
