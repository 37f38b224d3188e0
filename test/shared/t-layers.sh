#!/bin/bash
# What only a guest needs becomes a library over its host's, whichever is built first; and
# -share names packages of one's own module, whose dependencies come along.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package
. "$ROOT/test/shared/shared.sh"

needs other lib
go_file other/other.go <<'GO'
package other

import (
	"fmt"

	"example.com/lib"
)

var inits int

func init() { inits++; lib.Count += 1000 }

func Text() string { return fmt.Sprint(lib.Describe(name{}), ", ", inits, " init") }

type name struct{}

func (name) Name() string { return "other" }
GO
needs guest lib other
go_file guest/main.go <<'GO'
package main

import (
	"fmt"

	"example.com/lib"
	"example.com/other"
)

const generation = "generation 1"

func Test() string { return fmt.Sprint(generation, ", ", other.Text(), ", ", lib.Count) }

func main() {}
GO
go_host host lib
build_guest early guest -share deps	# before there is a host
build_host_program host host -share deps
first=$(libraries_of host)
[ "$(wc -w <<<"$first")" = 1 ] || fail "the host's libraries: $first"
[ "$(libraries_of early)" != "$first" ] || fail "one library for both"
expect_output run_audited ./host early <<E2
guest.so: package example.com/lib (devel): the program has it in another library: build the program and then the guest again
100
E2

build_guest guest.1 guest -share deps
variant guest.1 guest.2 "generation 1" "generation 2"
[ "$(libraries_of guest.1 | grep -cvx "$first")" = 1 ] && libraries_of guest.1 | grep -qx "$first" ||
	fail "the guest's libraries: $(libraries_of guest.1), the host's: $first"
second=$(libraries_of guest.1 | grep -vx "$first")
below=${first#libgo-}
[ "$(cut -d' ' -f1-2 "$PACKAGES/${second%.so}.list")" = "below ${below%.so}
package example.com/other" ] || fail "$(cat "$PACKAGES/${second%.so}.list")"
expect_output run_audited ./host guest.1 guest.2 guest.1 <<'E2'
generation 1, other of 1, 1 init, 1100
generation 2, other of 1, 1 init, 1100
generation 1, other of 1, 1 init, 1100
1100
E2
# Nothing has changed, so nothing is linked again.
build_guest guest.1 guest -share deps
[ ! -s guest.1.log ] || fail "another library: $(cat guest.1.log)"

# What is left out stays with what needs it: lib is not shared, nor other over it, but reg is.
build_guest left guest -share deps,-example.com/lib
[ "$(grep '^package' "$PACKAGES/$(libraries_of left | sed 's/so$/list/')" | cut -d' ' -f2)" = example.com/lib/reg ] ||
	fail "left out: $(libraries_of left)"

# Packages of one's own: api needs store, and both become shared.
needs own
go_file own/store/store.go <<GO
package store

const Salt = "$SALT"

var Items []string
GO
go_file own/api/api.go <<'GO'
package api

import "example.com/own/store"

func Add(s string) int { store.Items = append(store.Items, s); return len(store.Items) }
GO
go_file own/a/main.go <<'GO'
package main

import "C"

import "example.com/own/api"

//export Test
func Test() *C.char { return C.CString(string(rune('0' + api.Add("a")))) }

func main() {}
GO
(cd src/own/a && "$GOAUDIT_BUILD/goaudit" build -share ../api -o "$TEST_DIR/a.1" .) 2>own.log
grep -q 'linking 2 packages' own.log || fail "$(cat own.log)"
cp a.1 b.1
for f in a b; do { cat $f.1; echo; } >$f.2; done
build_host cycle
expect_output run_audited ./cycle a b <<'E2'
1
2
3
4
5
6
7
8
9
:
guests in the runtime: 3
E2
