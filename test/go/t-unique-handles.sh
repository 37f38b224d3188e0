#!/bin/bash
# unique.Make with a guest's own type, in a package variable and on the way: the
# guest is unmapped all the same, and the next generation's handles are its own.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go/golib.sh"
case $(go env GOVERSION) in go1.22*) skip "package unique came with Go 1.23" ;; esac

go_file unique/go.mod <<'E'
module example.com/unique

go 1.23
E
go_file unique/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"unique"
)

const generation = "generation 1"

type token struct{ name string }

var kept = unique.Make(token{generation})

//export Test
func Test() *C.char {
	u := unique.Make(token{"u"})
	return C.CString(fmt.Sprint(kept.Value(), kept == unique.Make(token{generation}), u == unique.Make(token{"u"}), u.Value()))
}

func main() {}
GO
build_guest unique.so unique
mv unique.so unique.1
variant unique.1 unique.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle unique <<'E'
{generation 1} true true {u}
{generation 2} true true {u}
{generation 2} true true {u}
{generation 1} true true {u}
{generation 1} true true {u}
guests in the runtime: 1
E
