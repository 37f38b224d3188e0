#!/bin/bash
# A Go program opens guests by the package goaudit/guest: functions and variables, types
# that both sides know, what holds a generation, what is refused and with which words.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file one/main.go <<'GO'
package main

import "C"

import (
	"errors"
	"strings"
)

const generation = "generation 1"

type pair [3]struct{ A int }

var (
	Counter int
	Kept    = map[string]int{"a": 1}
	Builder strings.Builder
	ErrOwn  = errors.New(generation)
)

func Generation() string                                  { Counter++; return generation }
func Odd(a [3]float64, b map[int8]string) ([7]int32, error) { return [7]int32{int32(a[0])}, nil }
func Variadic(a ...any) int                               { return len(a) }
func Own(p pair) pair                                     { return p }
func notExported() int                                    { return Counter }

//export PlainC
func PlainC() C.int { return C.int(notExported()) }

func main() {}
GO
mkdir src/other
sed 's/^func Generation() string .*/func Generation() (string, int) { return generation, 1 }/' \
	src/one/main.go | go_file other/main.go
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"goaudit/guest"
)

var Counter, Kept = 1000, 5 // names that the guest has, too

type pair [3]struct{ A int }

// show prints without folders.
func show(a ...any) {
	dir, _ := os.Getwd()
	fmt.Print(strings.ReplaceAll(fmt.Sprintln(a...), dir+"/", ""))
}

func symbols(g *guest.Guest) {
	for _, n := range []string{"Generation", "Counter", "Kept", "Builder", "ErrOwn", "Odd",
		"Variadic", "Own", "_cgoexp", "notExported", "generation"} {
		s, err := g.Lookup(n)
		fmt.Printf("%s: %T ", n, s)
		show(err)
	}
}

//go:noinline
func use(g *guest.Guest) {
	s, err := g.Lookup("Generation")
	show(s.(func() string)(), err)
	s, _ = g.Lookup("Counter")
	*s.(*int) += 10
	s, _ = g.Lookup("Builder")
	s.(*strings.Builder).WriteString("text")
	s, _ = g.Lookup("Variadic")
	show(s.(func(...any) int)(1, "two", nil), s != nil)
	odd, err := guest.Bind[func([3]float64, map[int8]string) ([7]int32, error)](g, "Odd")
	show(err)
	show(odd.Get()([3]float64{3}, nil))
}

var held func() string

func main() {
	put("guest.1")
	g, err := guest.Open("guest.so")
	if err != nil {
		show(err)
		os.Exit(1)
	}
	symbols(g)
	use(g)
	_, err = guest.Bind[func() int](g, "Generation")
	show(err)
	_, err = guest.Bind[func(pair) pair](g, "Own")
	show(err)
	name, err := guest.Bind[func() string](g, "Generation")
	counter, _ := guest.Bind[*int](g, "Counter")
	show(name.Get()(), *counter.Get(), Counter, Kept, err)

	put("guest.2")
	s, _ := g.Lookup("Generation")
	held, s = s.(func() string), nil
	show(g.Reload())
	show(name.Get()(), *counter.Get(), "held:", held())
	show("left:", guest.Reclaim(10*time.Second), held())
	held = nil
	show("left:", guest.Reclaim(10*time.Second))

	put("guest.3") // another type: what is bound stays
	show(g.Reload())
	show(name.Get()())
	put("guest.1")
	show(g.Reload(), name.Get()())
	show("left:", guest.Reclaim(10*time.Second))
	os.WriteFile("guest.so", []byte("no ELF"), 0o755)
	err = g.Reload()
	show(err != nil, name.Get()())
	put("guest.1")
	show(g.Close(), g.Close())
	_, err = g.Lookup("Generation")
	show(err)
	func() {
		defer func() { show(recover()) }()
		name.Get()
	}()
	_, err = guest.Open("missing.so")
	show(err)
}
GO
imports_guest_package host
cp "$HOSTS/put.go" src/host/
(cd src/host && go vet .) || fail "go vet"
build_guest guest.1 one
build_guest guest.3 other
variant guest.1 guest.2 "generation 1" "generation 2"
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "host: does not build"
expect_output run_audited ./host <<'E'
Generation: func() string <nil>
Counter: *int <nil>
Kept: *map[string]int <nil>
Builder: *strings.Builder <nil>
ErrOwn: *error <nil>
Odd: func([3]float64, map[int8]string) ([7]int32, error) <nil>
Variadic: func(...interface {}) int <nil>
Own: func(main.pair) main.pair <nil>
_cgoexp: <nil> guest.so: _cgoexp: its main package exports no such function or variable, and there is no C function of that name: check the name
notExported: <nil> guest.so: notExported: its main package exports no such function or variable, and there is no C function of that name: check the name
generation: <nil> guest.so: generation: its main package exports no such function or variable, and there is no C function of that name: check the name
generation 1 <nil>
3 true
<nil>
[3 0 0 0 0 0 0] <nil>
guest.so: Generation: it is a func() string, not a func() int: change one of them
guest.so: Own: it is not the program's func(main.pair) main.pair: the guest's main.pair is a type of its own: use types of the standard library or of a package that both share
generation 1 12 1000 5 <nil>
<nil>
generation 2 1 held: generation 1
left: 1 generation 1
left: 0
guest.so: Generation: it is a func() (string, int), not a func() string: change one of them
generation 2
<nil> generation 1
left: 0
true generation 1
<nil> guest.so: the guest is closed: open it again
guest.so: Generation: the guest is closed: open it again
guest.so: Generation: the guest is closed: open it again
missing.so: cannot open shared object file: No such file or directory
E

text=$(./host) && fail "without the module: $text"
[ "$text" = "guest.so: the program does not run under the audit module: start it by goaudit run" ] || fail "$text"
(cd src/host && go build -o "$TEST_DIR/own" .)
text=$(run_audited ./own) && fail "a host with its own runtime: $text"
case $text in
*"the program carries a Go runtime of its own"*) ;;
*) fail "$text" ;;
esac
