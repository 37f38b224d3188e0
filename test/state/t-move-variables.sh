#!/bin/bash
# Package variables move from one build of a guest into the next: each kind of Go
# value, by the plan that the image library makes from DWARF.  The old generation
# is unmapped afterwards, which it could not be if anything led to it, and the new
# one still has all values.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

export DWARF_LIBRARY=$GOAUDIT_BUILD/libgoaudit-dwarf.so
CFLAGS="$CFLAGS -I$ROOT/audit"
build_host move

go_file kinds/state/state.go <<'GO'
package state

// Of a package of the guest that is not main.
type Level uint8

var Depth Level
GO
go_file kinds/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/kinds/state"
)

type id int32
type point struct {
	x, y float32
	name string
	tags [2]string
}
type pair[K comparable, V any] struct {
	key K
	val V
}
type tree []tree

var (
	flag     bool
	number   int
	i8       int8
	i16      int16
	i64      int64
	unsigned uint
	u32      uint32
	u64      uint64
	word     uintptr
	half     complex64
	ctx      context.Context
	cancel   context.CancelFunc
	small    id
	real     float64
	imag     complex128
	text     = "in the build"
	constant = "in the build"
	made     string
	array    [4]uint16
	places   [2]point
	where    point
	generic  pair[string, []int]
	literal  = []int{1, 2, 3}
	twin     = literal
	names    = []string{"a", "b", "c"}
	table    = []point{{1, 2, "p", [2]string{"t", "u"}}, {3, 4, "q", [2]string{}}}
	nested   = [][]string{{"x"}, {"y", "z"}}
	grown    []int
	big1     []point
	big2     []*bytes.Buffer
	none     []string
	empty    = []string{}
	woods    tree
	counts   = map[string]int{}
	points   = map[id]point{}
	many     = map[string]*bytes.Buffer{}
	nilMap   map[string]int
	buffer   bytes.Buffer
	pointer  *bytes.Buffer
	integer  *int
	num      *big.Int
	anything any
	constAny any = "constant"
	anyInt   any = 7
	anyMap   any
	writer   io.Writer
	fail     error
	sentinel = errors.New("sentinel")
	last     error
	channel  = make(chan string, 4)
	builder  = time.Duration(0)
	when     time.Time
	lock     sync.Mutex
	rw       sync.RWMutex
	hits     atomic.Int64
	all      sync.Map
	queue    *list.List
	listener net.Listener
	nothing  func()
	clock    = time.Time{}
)

func show() string {
	var b strings.Builder
	p := func(a ...any) { fmt.Fprintln(&b, a...) }
	p("numbers", flag, number, small, real, imag, array, state.Depth, builder)
	p("more numbers", i8, i16, i64, unsigned, u32, u64, word, half)
	p("funcs", ctx.Err(), cancel != nil)
	p("strings", text, constant, made)
	p("structs", places, where, generic)
	p("literals", literal, names, table, nested, none == nil, empty == nil, len(empty))
	p("slices", len(grown), grown[len(grown)-1], len(big1), big1[99], len(big2), big2[99], len(woods), len(woods[1]))
	p("maps", counts["a"], len(counts), points[7], len(many), many["k99"], nilMap == nil)
	p("pointers", buffer.String(), pointer, *integer, num)
	p("interfaces", anything, constAny, anyInt, anyMap, writer, fail, last == sentinel)
	p("channel", len(channel), cap(channel))
	p("times", when.UTC())
	v, _ := all.Load("key")
	p("library", hits.Load(), v, queue.Len(), queue.Front().Value, nothing == nil)
	p("listener", listen())
	lock.Lock()
	lock.Unlock()
	rw.Lock()
	rw.Unlock()
	return b.String()
}

func listen() string {
	go func() {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			c.Write([]byte("hello"))
			c.Close()
		}
	}()
	c, err := listener.Accept()
	if err != nil {
		return err.Error()
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

//export Set
func Set() *C.char {
	flag, number, small, real, imag = true, 42, -7, 1.5, complex(1, -1)
	state.Depth, builder = 9, time.Second
	i8, i16, i64, unsigned, u32, u64, word = -8, -16, -1<<62, 1<<63, 1<<31, 1<<63+1, ^uintptr(0)
	half = complex(0.5, 2)
	ctx, cancel = context.WithCancel(context.Background())
	text = "changed in the build"
	made = fmt.Sprint("made ", number)
	array = [4]uint16{1, 2, 3, 4}
	where = point{1, 2, "here", [2]string{"a", made}}
	places[1] = where
	generic = pair[string, []int]{"k", []int{1, 2}}
	literal[1] = 20
	names[2] = made
	table[0].x = 10
	for i := range 1000 {
		grown = append(grown, i)
	}
	for i := range 100 {
		big1 = append(big1, point{x: float32(i), name: fmt.Sprint("n", i)})
		big2 = append(big2, bytes.NewBufferString(fmt.Sprint("b", i)))
		counts[fmt.Sprint("c", i)] = i
		many[fmt.Sprint("k", i)] = big2[i]
		points[id(i)] = point{name: "constant"}
	}
	counts["a"] = 5
	woods = tree{nil, {nil, nil, nil}}
	buffer.WriteString("buffered")
	pointer = bytes.NewBufferString("pointed")
	n := 77
	integer = &n
	num = new(big.Int).Lsh(big.NewInt(1), 100)
	anything = time.Minute
	anyMap = map[string]int{"one": 1}
	writer = pointer
	fail = fmt.Errorf("wrapped: %w", io.EOF)
	last = sentinel
	channel <- "queued"
	when = time.Unix(1e9, 0)
	hits.Add(12)
	all.Store("key", "value")
	queue = list.New()
	queue.PushBack("first")
	listener, _ = net.Listen("tcp", "127.0.0.1:0")
	return C.CString("set")
}

//export Get
func Get() *C.char { return C.CString(VERSION + "\n" + show()) }

func main() {}
GO
printf 'package main\n\nconst VERSION = "version 1"\n' >src/kinds/version.go
cp -r src/kinds src/kinds2
printf 'package main\n\nconst VERSION = "version 2"\n\nvar added [100]int\n\nfunc init() { added[number] = 1 }\n' >src/kinds2/version.go
build_guests kinds kinds2

values() {
	cat <<'E'

numbers true 42 -7 1.5 (1-1i) [1 2 3 4] 9 1s
more numbers -8 -16 -4611686018427387904 9223372036854775808 2147483648 9223372036854775809 18446744073709551615 (0.5+2i)
funcs <nil> true
strings changed in the build in the build made 42
structs [{0 0  [ ]} {1 2 here [a made 42]}] {1 2 here [a made 42]} {k [1 2]}
literals [1 20 3] [a b made 42] [{10 2 p [t u]} {3 4 q [ ]}] [[x] [y z]] true false 0
slices 1000 999 100 {99 0 n99 [ ]} 100 b99 2 3
maps 5 101 {0 0 constant [ ]} 100 b99 true
pointers buffered pointed 77 1267650600228229401496703205376
interfaces 1m0s constant 7 map[one:1] pointed wrapped: EOF true
channel 1 4
times 2001-09-09 01:46:40 +0000 UTC
library 12 value 1 first true
listener hello

E
}
# Ten generations, forth and back.
rounds() {
	local v
	echo set
	for v in 2 1 2 1 2 1 2 1 2 1; do
		printf 'moved: 59 variables, retyped some\nversion %s' $v
		values
	done
	printf 'version 1'
	values
}
rounds >rounds.txt
MOVE_ROUNDS=10 expect_output run_audited ./move "$PWD/kinds.so" "$PWD/kinds2.so" <rounds.txt
expect_no_snapshots
