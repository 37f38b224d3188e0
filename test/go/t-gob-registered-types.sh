#!/bin/bash
# A guest that registers its types with encoding/gob in an init can be changed
# and opened again, parked before or open: the names are the new generation's.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go/golib.sh"

go_file gob/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
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
	return C.CString(fmt.Sprintf("%s %d %d %T %x %v", m.From, m.Shapes[0].Area(), m.Shapes[1].Area(), m.Shapes[1], raw.Bytes(), h))
}

func main() {}
GO

build_guest gob.so gob
mv gob.so gob.1
variant gob.1 gob.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle gob <<'E'
generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
generation 2 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
generation 2 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
generation 1 9 20 *main.oblong 6162636400000102 {[97 98 99 100] 258}
guests in the runtime: 1
E
