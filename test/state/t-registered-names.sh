#!/bin/bash
# A guest that registers names with std in an init (types with encoding/gob,
# flags, expvar variables) can be changed and opened again: the names are the
# new generation's.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file gob/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"expvar"
	"flag"
	"fmt"
)

const generation = "generation 1"

type shape interface{ Area() int }
type square struct{ Side int }
type oblong struct{ A, B int }

func (s square) Area() int  { return s.Side * s.Side }
func (o *oblong) Area() int { return o.A * o.B }

type message struct {
	From   string
	Shapes []shape
}

type header struct {
	Magic [4]byte
	Size  uint32
}

var (
	verbose = flag.Bool("verbose", false, "say more of "+generation)
	served  = expvar.NewInt("served")
	names   = expvar.NewMap("names")
)

func init() {
	gob.Register(square{})
	gob.Register(&oblong{})
}

//export Test
func Test() *C.char {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(message{generation, []shape{square{3}, &oblong{4, 5}}}); err != nil {
		return C.CString(err.Error())
	}
	var m message
	if err := gob.NewDecoder(&b).Decode(&m); err != nil {
		return C.CString(err.Error())
	}
	var raw bytes.Buffer
	binary.Write(&raw, binary.BigEndian, header{[4]byte{'a', 'b', 'c', 'd'}, 258})
	var h header
	binary.Read(bytes.NewReader(raw.Bytes()), binary.BigEndian, &h)
	served.Add(1)
	names.Add(generation, 1)
	flag.CommandLine.Parse([]string{"-verbose"})
	vars := fmt.Sprint(expvar.Get("served"), expvar.Get("names"), *verbose, flag.Lookup("verbose").Usage)
	return C.CString(fmt.Sprintf("%s %s %d %d %T %x %v", vars, m.From, m.Shapes[0].Area(), m.Shapes[1].Area(), m.Shapes[1], raw.Bytes(), h))
}

func main() {}
GO

build_guest gob.so gob
mv gob.so gob.1
variant gob.1 gob.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle gob <<'E'
1 {"generation 1": 1} truesay more of generation 1 generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
1 {"generation 2": 1} truesay more of generation 2 generation 2 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
2 {"generation 2": 2} truesay more of generation 2 generation 2 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
1 {"generation 1": 1} truesay more of generation 1 generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
2 {"generation 1": 2} truesay more of generation 1 generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
guests in the runtime: 1
E
