#!/bin/bash
# GOAUDIT_CACHE names a folder in which the user keeps things of his own: --clean, and the
# sweep that comes with each build, remove only what goaudit has made.
. "$(dirname "$0")/../lib.sh"

export GOAUDIT_CACHE=$PWD/cache
mkdir -p cache/runtime/{mine,go1.26.1-0123456789ab,ours,done} cache/tmp/{mine.1,ours.0} cache/headers
for name in runtime/mine/x runtime/go1.26.1-0123456789ab/complete tmp/mine.1/complete \
	headers/notes.h headers/a+b.h; do
	echo precious >"cache/$name"
done
touch cache/runtime/ours/.goaudit cache/tmp/ours.0/.goaudit
printf 'abi 0123\ngo go1.26.1\noverlay files 1\n' >cache/runtime/done/complete
find cache -exec touch -h -d '100 days ago' {} +

expect_output "$GOAUDIT_BUILD/goaudit" runtime --clean <<'E'
removed done
removed ours
E
all() { (cd cache && find . -type f ! -name '.*.lock' | sort); }
expect_output all <<E
./headers/a+b.h
./headers/notes.h
./runtime/go1.26.1-0123456789ab/complete
./runtime/mine/x
./tmp/mine.1/complete
E
ends_saying 1 "goaudit: mine: no such library: see goaudit runtime --list" \
	"$GOAUDIT_BUILD/goaudit" runtime --clean mine
expect_output all <<E
./headers/a+b.h
./headers/notes.h
./runtime/go1.26.1-0123456789ab/complete
./runtime/mine/x
./tmp/mine.1/complete
E

# The sweep of a build.
ours=AAAAAAAAAAAAAAAAAAAA+BBBBBBBBBBBBBBBBBBBB.h
libstd=$(env -u GOAUDIT_CACHE "$GOAUDIT_BUILD/goaudit" runtime --print) || fail "no runtime library"
mv cache/runtime users-runtime
ln -s "$(realpath "$(dirname "$libstd")/..")" cache/runtime
touch -d '100 days ago' "cache/headers/$ours" "cache/headers/$ours.17"
cat >go.mod <<'E'
module example.org/small
go 1.22
E
cat >small.go <<'E'
package main

import "C"

//export Value
func Value() int { return 7 }

func main() {}
E
"$GOAUDIT_BUILD/goaudit" build -o small.so . || fail "no guest"
[ ! -e "cache/headers/$ours" ] && [ ! -e "cache/headers/$ours.17" ] ||
	fail "headers that nobody uses stay: $(ls cache/headers)"
for name in tmp/mine.1/complete headers/notes.h headers/a+b.h; do
	[ "$(cat "cache/$name")" = precious ] || fail "$name is gone"
done
