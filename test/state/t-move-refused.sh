#!/bin/bash
# Why package variables do not move: what the DWARF of two builds says of their types,
# each with the path of the first field in the way.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

export DWARF_LIBRARY=$GOAUDIT_BUILD/libgoaudit-dwarf.so
CFLAGS="$CFLAGS -I$ROOT/audit"
build_host plan

go_file first/state/state.go <<'GO'
package state

type Node struct {
	Left *Node
}
type Ops map[string]func(Node)
GO
go_file first/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"embed"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"example.com/first/state"
)

//go:embed main.go
var files embed.FS

type node struct {
	value int
	next  *node
}
type entries struct {
	entries []node
}
type shape interface{ area() float64 }
type box[T any] struct {
	value T
	next  *box[T]
}
type plain struct {
	a int8
	b float64
	s string
	c [3]complex128
}
type deep struct {
	outer struct {
		inner [2]map[string][]plain
	}
}

var (
	table    entries
	keyed    map[*node]bool
	valued   map[string]node
	figure   shape
	hook     func(*node) error
	stack    func() state.Node
	signal   chan node
	raw      unsafe.Pointer
	swapped  atomic.Pointer[node]
	generic  box[int]
	pool     sync.Pool
	cond     sync.Cond
	timer    time.Timer
	other    state.Ops
	tree     []*state.Node
	resized  [3]int
	retyped  int
	renamed  plain
	longer   plain2
	shifted  plain3
	below    deep
	kind     []int
	mapped   map[string]int
	turned   func(int)
	good     plain
	buffers  []*bytes.Buffer
	buffer   bytes.Buffer
	gone     int
	ring     rings
	lengths  map[string][]int
	channel  chan []int
	matrix   [10][20]float32
	mixed    [10]plain
	literals []plain
)

type rings []rings
type plain2 struct{ a, b int }
type plain3 struct {
	a int32
	b int64
}

//export Show
func Show() {
	fmt.Println(files, table, keyed, valued, figure, hook == nil, stack == nil, signal, raw, &swapped, generic,
		&pool, &cond, &timer, other, tree, resized, retyped, renamed, longer, shifted, below, kind, mapped,
		turned == nil, good, buffers, &buffer, gone, ring, lengths, channel, matrix, mixed, literals)
}

func main() {}
GO
cp -r src/first src/second
sed -i -e 's/^\tresized .*/\tresized [4]int/; s/^\tretyped .*/\tretyped int32/; s/^\tkind .*/\tkind []int64/' \
	-e 's/^\tmapped .*/\tmapped map[string]uint/; s/^\tturned .*/\tturned func(int) bool/' \
	-e 's/^\tgone .*/\tcame int/; s/&buffer, gone/\&buffer, came/' \
	-e 's/^\trenamed .*/\trenamed plainer/; s/^type plain2 .*/type plain2 struct{ a, b, c int }/' \
	-e 's/^\ta int32/\ta int8\n\tx int8/; s/inner \[2\]map\[string\]\[\]plain$/inner [2]map[string][]plain4/' \
	src/second/main.go
cat >>src/second/main.go <<'GO'

type plain4 struct{ a, b, c, d, e int }
type plainer struct{ a, b int }
GO
build_guests first second

plan() { ./plan first.so second.so "$@"; }
each() {
	local name
	for name in files table keyed valued figure hook stack signal raw swapped generic \
		pool cond timer other tree resized retyped renamed longer shifted below \
		kind mapped turned gone came nowhere example.com/first/state.None; do
		plan "$name"
	done
}
expect_output each <<'E'
main.files: embedded files are part of the build
main.table.entries[].next: pointer to main.node, a type of the guest
main.keyed[key]: pointer to main.node, a type of the guest
main.valued[].next: pointer to main.node, a type of the guest
main.figure: interface main.shape, a type of the guest
main.hook: func with *main.node, a type of the guest
main.stack: func with example.com/first/state.Node, a type of the guest
main.signal: channel of main.node, a type of the guest
main.raw: unsafe.Pointer: what it points to is not known
main.swapped.v: unsafe.Pointer: what it points to is not known
main.generic.next: pointer to main.box[int], a type of the guest
main.pool: a sync.Pool cannot be at another address
main.cond: a sync.Cond cannot be at another address
main.timer: a time.Timer cannot be at another address
main.other[]: func with example.com/first/state.Node, a type of the guest
main.tree[]: pointer to example.com/first/state.Node, a type of the guest
main.resized: was [3]int, is [4]int
main.retyped: was int, is int32
main.renamed: was main.plain, is main.plainer
main.longer: field c is new
main.shifted.a: was int32, is int8
main.below.outer.inner: was [2]map[string][]main.plain, is [2]map[string][]main.plain4
main.kind: was []int, is []int64
main.mapped: was map[string]int, is map[string]uint
main.turned: was func(int), is func(int) bool
main.gone: the new build has no such variable
main.came: the old build has no such variable
main.nowhere: the old build has no such variable
example.com/first/state.None: the old build has no such variable
E

expect_output plan good buffers buffer ring lengths channel matrix mixed literals <<'E'
main.good: copy@0:1 copy@8:8 string@16:16 copy@32:48
main.buffers: slice@0:8 ( pointer@0:8 )
main.buffer: slice@0:1 plain ( copy@0:1 ) copy@24:9
main.ring: slice@0:24 typed ( slice@0:24 opaque typed )
main.lengths: map@0:8
main.channel: chan@0:8
main.matrix: copy@0:800
main.mixed: loop@0:80x10 ( copy@0:1 copy@8:8 string@16:16 copy@32:48 )
main.literals: slice@0:80 typed ( copy@0:1 copy@8:8 string@16:16 copy@32:48 )
E

# All: the first one in the way, by name.
expect_output plan <<'E'
main.below.outer.inner: was [2]map[string][]main.plain, is [2]map[string][]main.plain4
E
strip -o stripped.so first.so
expect_output ./plan stripped.so first.so <<'E'
the old build does not describe its variables
E
expect_output ./plan first.so /dev/null <<'E'
the new build does not describe its variables
E

# Debug information that has been tampered with is refused, or plans what is there.
go_file third/main.go <<'GO'
package main

import "C"

import "fmt"

type plain struct {
	a int8
	s string
	l []string
	m map[string][2]int
	e error
}

var (
	one   plain
	many  []plain
	array [10]plain
)

//export Show
func Show() { fmt.Println(one, many, array) }

func main() {}
GO
build_guest third.so third
objcopy --decompress-debug-sections third.so plain.so
expect_output ./plan -f plain.so third.so <<'E'
survived
E
