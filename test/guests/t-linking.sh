#!/bin/bash
# Linking guests: the debug information has types that only the runtime library
# defines; where it cannot be made, the guest is linked without, and a warning
# says so; and what the toolchain's linker has against a guest is said once.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file types/main.go <<'GO'
package main

import "C"

import "fmt"

type box[V any] struct{ p *V }

type inner[T any] struct {
	next  *inner[T]
	pairs [2]map[string]box[[]T]
}

type all struct {
	fmt.Stringer
	values []interface{}
	nested inner[string]
	calls  map[string]func(...error) (*error, []box[error])
}

var global all

//export Answer
func Answer() C.int { return C.int(len(append(global.values, 1, "2")) + 40) }

func main() {}
GO

# The library's *any is used by code, and all that mentions it in debug
# information is the array of a slice.
go_file array/main.go <<'GO'
package main

import "C"

//go:noinline
func count(list []any) int { return len(list) }

//go:noinline
func kind(v any) int {
	switch v.(type) {
	case *any:
		return 1
	case *error:
		return 2
	}
	return 0
}

//export Answer
func Answer() C.int { return C.int(count([]any{1, "2"}) + kind(3) + 40) }

func main() {}
GO
build_guests types array

cat >types.expected <<'E'
type = struct main.all {
    fmt.Stringer Stringer;
    []interface {} values;
    main.inner[string] nested;
    map[string]func(...error) (*error, []main.box[error]) calls;
}
type = struct main.inner[string] {
    main.inner[string] *next;
    [2]map[string]main.box[[]string] pairs;
}
type = struct []interface {} {
    interface {} *array;
    int len;
    int cap;
}
E
expect_output gdb -nx -batch -ex 'set language go' -ex "ptype 'main.all'" \
	-ex "ptype 'main.inner[string]'" -ex "ptype 'main.global'.values" ./types.so <types.expected

cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%d\n", call(open_guest(argv[i]), "Answer"));
	return 0;
}
C

# A cache of its own, where that linker fails.
runtime=$(dirname "$("$GOAUDIT_BUILD/goaudit" runtime --print)")
mkdir -p cache/runtime
cp -rl "$runtime" cache/runtime 2>/dev/null || cp -r "$runtime" cache/runtime
link=cache/runtime/${runtime##*/}/link
rm -f "$link"
printf '#!/bin/sh\necho "dwarf: first line"\necho second line\nexit 3\n' >"$link"
chmod +x "$link"
failing() { # FOLDER OUT.so
	(cd "src/$1" && GOAUDIT_CACHE=$TEST_DIR/cache "$GOAUDIT_BUILD/goaudit" build -o "$TEST_DIR/$2" .) 2>&1
}
sections() { readelf -WS "$1" | grep -c ' \.z*debug_info '; }

text=$(failing types plain.so) || fail "the guest does not link where its debug information cannot be made: $text"
[ "$text" = "# example.com/types
goaudit: warning: debuggers will see functions and lines of this guest, but no variables: \
the linker for debug information failed with status 3: dwarf: first line: please report this" ] ||
	fail "another warning: $text"
for guest in types array; do
	[ "$(sections $guest.so)" = 1 ] || fail "$guest.so: no debug information"
done
# Go 1.22 leaves that of its C part.
[ "$(sections plain.so)" = 0 ] || [[ $(go env GOVERSION) == go1.22* ]] || fail "plain.so: debug information of whom?"
expect_output run_audited ./host ./types.so ./array.so ./plain.so <<'E'
42
42
42
E

# A mistake in the guest.
mkdir src/broken
cp src/types/* src/broken
printf '\nfunc missing() int\n\nfunc init() { global.values = append(global.values, missing()) }\n' >>src/broken/main.go
for cache in "${runtime%/runtime/*}" "$TEST_DIR/cache"; do
	text=$(cd src/broken && GOAUDIT_CACHE=$cache "$GOAUDIT_BUILD/goaudit" build -o "$TEST_DIR/broken.so" . 2>&1) &&
		fail "a guest links that lacks a function"
	[ "$(grep -c 'running gcc failed' <<<"$text")" = 1 ] && grep -qF 'main.missing' <<<"$text" &&
		! grep -q 'goaudit: warning\|dwarf: first line' <<<"$text" || fail "another error: $text"
	[ ! -e broken.so ] || fail "a failed build leaves a file"
done
