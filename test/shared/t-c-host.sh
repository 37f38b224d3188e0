#!/bin/bash
# Packages outside of std are in a library: it is linked once, two guests of a C host have
# its variables and types in common, and it stays when they go.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/shared/shared.sh"

needs one lib
go_file one/main.go <<'GO'
package main

import "C"

import (
	"fmt"

	"example.com/lib"
	"example.com/lib/reg"
)

const generation = "generation 1"

type thing struct{}

func (thing) Name() string { return generation }

func init() { lib.Count++ }

//export Test
func Test() *C.char {
	reg.All["one"] = len(generation)
	return C.CString(fmt.Sprint(lib.Describe(thing{}), ", ", lib.Count))
}

func main() {}
GO
mkdir src/two
sed 's/"one"/"two"/; s/generation 1/second 1/' src/one/main.go | go_file two/main.go
needs two lib

build_guest one.1 one -share deps
grep -qx 'goaudit: linking 2 packages into a library, once for these versions' one.1.log ||
	fail "it does not say that a library is made: $(cat one.1.log)"
sed -i 's/generation 1/generation 2/' src/one/main.go
build_guest one.2 one -share deps
build_guest two.1 two -share deps
[ ! -s one.2.log ] && [ ! -s two.1.log ] || fail "another library was made: $(cat one.2.log two.1.log)"
variant two.1 two.2 "second 1" "second 2"
library=$(libraries_of one.1)
[ -n "$library" ] && [ "$(libraries_of one.2)$(libraries_of two.1)" = "$library$library" ] ||
	fail "the libraries differ"
[ "$(grep '^package' "$PACKAGES/${library%.so}.list" | cut -d' ' -f1-3)" = "package example.com/lib (devel)
package example.com/lib/reg (devel)" ] || fail "$(cat "$PACKAGES/${library%.so}.list")"

# The control: each guest has packages of its own.
build_guest alone.1 one -share none
[ -z "$(libraries_of alone.1)" ] || fail "-share none: a library"
variant alone.1 alone.2 "generation 2" "generation 3"

build_host cycle
expect_output run_audited ./cycle alone <<'E2'
generation 2 of 2, 42
generation 3 of 2, 42
generation 3 of 2, 42
generation 2 of 2, 42
generation 2 of 2, 42
guests in the runtime: 1
E2
expect_output run_audited ./cycle one two <<'E2'
generation 1 of 2, 42
second 1 of 3, 43
generation 2 of 3, 44
second 2 of 3, 45
generation 2 of 3, 45
second 2 of 3, 45
generation 1 of 3, 46
second 1 of 3, 47
generation 1 of 3, 47
second 1 of 3, 47
guests in the runtime: 3
E2
expect_no_snapshots
