#!/bin/bash
# Values whose types could move, but which lead into the old generation at run time:
# nothing is changed, and the text says where.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

export DWARF_LIBRARY=$GOAUDIT_BUILD/libgoaudit-dwarf.so
CFLAGS="$CFLAGS -I$ROOT/audit"
build_host move

go_file held/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

type own struct{ a, b int }

func (o own) Write(b []byte) (int, error) { return 0, nil }

var (
	count    int
	value    any
	writer   io.Writer
	hook     func(int) int
	upper    func(string) string
	chained  *list.List
	mapped   = map[string]any{}
	buffer   bytes.Buffer
	pointer  *bytes.Buffer
	room     [8]byte
	slice    []byte
	lock     sync.Mutex
	numbers  = []int{1, 2, 3, 4}
	part     []int
	target   int
	integer  *int
	typed    chan []*int
	sentinel = errors.New("sentinel")
	wrapped  = fmt.Errorf("wrapped: %w", sentinel)
)

func twice(n int) int { return 2 * n }

//export Set
func Set() *C.char {
	count = 1
	value = own{1, 2}
	writer = own{}
	hook = twice
	upper = strings.ToUpper // its value has been led to the library's own, which stays
	chained = list.New()
	chained.PushBack("library")
	chained.PushBack(twice)
	mapped["constant"] = "constant"
	mapped["own"] = &own{3, 4}
	pointer = &buffer
	slice = room[2:4]
	lock.Lock()
	part = numbers[1:3]
	integer = &target
	typed = make(chan []*int, 1)
	return C.CString("set")
}

//export Get
func Get() *C.char {
	w, _ := value.(own)
	return C.CString(fmt.Sprint(VERSION, count, w.a, writer != nil, hook != nil && upper != nil, chained != nil, len(mapped),
		pointer != nil, slice, lock.TryLock(), numbers, part, integer != nil, typed != nil, sentinel == errors.Unwrap(wrapped)))
}

func main() {}
GO
# A goroutine of the old build that never waits may be anywhere, also between the two
# stores of an assignment.
go_file spin/main.go <<'GO'
package main

import "C"

var (
	text  = "x"
	words = [2]string{"one", "three"}
	sum   int
)

func spin() {
	for i := 0; ; i++ {
		for j := range 1000 {
			sum += i ^ j
		}
		text = words[i%2]
	}
}

//export Set
func Set() *C.char {
	go spin()
	return C.CString("set")
}

//export Get
func Get() *C.char { return C.CString("got") }

func main() {}
GO
printf 'package main\n\nconst VERSION = "old "\n' >src/held/version.go
cp -r src/held src/held2
printf 'package main\n\nconst VERSION = "new "\n' >src/held2/version.go
build_guests held held2 spin

each() {
	local name
	for name in "$@"; do
		run_audited ./move "$PWD/held.so" "$PWD/held2.so" count $name 2>&1 |
			sed '/^set$/d; s/strings.go:[0-9]*/strings.go:N/'
	done
}
old='old 1 1 true true true 2 true [0 0] false [1 2 3 4] [2 3] true true true'
new='new 0 0 false false false 0 false [] true [1 2 3 4] [] false false true'
refusals() {
	while read -r line; do
		printf '%s\n' "$line" "$old" "$new"
	done <<'E'
refused: main.value: value of type main.own, which is made by the old build
refused: main.writer: value of type main.own, which is made by the old build
refused: main.hook: func main.twice (main.go:41)
refused: main.chained: func main.twice (main.go:41) <- heap object 48 B +32 <- heap object 48 B +8
refused: main.mapped: type *main.own <- heap object 288 B +56 <- heap object 48 B +16
refused: main.pointer: points to a variable of the old build
refused: main.slice: points to a variable of the old build
refused: main.lock: a lock that is in use
refused: main.part: shares a part of its elements with another slice
refused: main.integer: points to a variable of the old build
refused: main.wrapped: variable of the module <- heap object 32 B +24
E
}
refusals >refusals.txt
expect_output each value writer hook chained mapped pointer slice lock "numbers part" \
	integer wrapped <refusals.txt
expect_output each upper <<'E'
moved: 2 variables, retyped none
new 1 0 false false false 0 false [] true [1 2 3 4] [] false false true
new 1 0 false false false 0 false [] false [1 2 3 4] [] false false true
E

# gccheckmark turns preemption off.
spinning() {
	GODEBUG=clobberfree=1 run_audited ./move "$PWD/spin.so" "$PWD/spin.so" text | sed 's/goroutine [0-9]*/goroutine N/; s/(main.go:[0-9]*)/(main.go:N)/'
}
expect_output spinning <<'E'
set
refused: the guest: goroutine N runs all the time in main.spin (main.go:N)
got
got
E
