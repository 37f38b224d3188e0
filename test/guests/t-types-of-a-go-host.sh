#!/bin/bash
# Types of the standard library, and all that is made of them, are the same in a Go host
# and its guest, for everything that compares types: after the first load and after two
# reloads.  Types of the main packages stay two.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/guests/kinds.sh"
wants_guest_package

printf 'module example.com/guest\n\ngo 1.23\n' | go_file guest/go.mod
kinds_go | go_file guest/kinds.go
go_file guest/main.go <<'GO'
package main

import "C"

import (
	"encoding/json"
	"reflect"
	"runtime/debug"
	"sync"
)

const generation = "generation 1"

func Generation() string             { return generation }
func Mine(i int) parcel              { return kinds[i].mine() }
func Same(i int, p parcel) string    { return same(&kinds[i], p) }
func Gob() []byte                    { return encode() }
func Decode(b []byte) bool           { return decode(b) }
func Locker() sync.Locker            { return new(struct{ sync.Mutex; N int8 }) }
func Module() string                 { info, _ := debug.ReadBuildInfo(); return info.Main.Path }

type text struct{}

func (text) MarshalJSON() ([]byte, error) { return json.Marshal(generation) }
func Text() any                           { return text{} }

// Made has types that reflect makes here and the program has as literals; Known the
// other way.
func Made() []any {
	n := func(n int) reflect.Type { return reflect.ArrayOf(n, reflect.TypeFor[int8]()) }
	return []any{
		reflect.Zero(reflect.MapOf(n(21), reflect.TypeFor[bool]())).Interface(),
		reflect.Zero(reflect.StructOf([]reflect.StructField{{Name: "F", Type: n(22)}})).Interface(),
		reflect.Zero(reflect.FuncOf([]reflect.Type{n(23)}, nil, false)).Interface(),
	}
}

func Known(v []any) (known [3]bool) {
	_, known[0] = v[0].(map[[11]int8]bool)
	_, known[1] = v[1].(struct{ F [12]int8 })
	_, known[2] = v[2].(func([13]int8))
	return
}

func main() {}
GO
{
	kinds_go
	printf '\n// The functions of the guest, each with its type.\nvar binds = []func(*guest.Guest) error{\n'
	i=0
	while IFS='|' read -r _ type _; do
		printf '\tfunc(g *guest.Guest) error { _, err := guest.Bind[func() %s](g, "F%d"); return err },\n' \
			"$type" $((i++))
	done <<<"$kinds"
	printf '}\n'
} | sed 's,^import (,&\n\t"goaudit/guest",' | go_file host/kinds.go
imports_guest_package host
cp "$HOSTS/put.go" src/host/
go_file host/main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"goaudit/guest"
)

func check(err error) {
	if err != nil {
		say(err)
		os.Exit(1)
	}
}

// say prints without folders.
func say(err error) {
	dir, _ := os.Getwd()
	fmt.Println(strings.ReplaceAll(fmt.Sprint(err), dir+"/", ""))
}

func bound[T any](g *guest.Guest, name string) T {
	b, err := guest.Bind[T](g, name)
	check(err)
	return b.Get()
}

func table(g *guest.Guest) {
	mine := bound[func(int) parcel](g, "Mine")
	theirs := bound[func(int, parcel) string](g, "Same")
	for i := range kinds {
		k, answer := &kinds[i], "same"
		to, from := theirs(i, k.mine()), same(k, mine(i))
		err := binds[i](g)
		if to != "" || from != "" || err != nil {
			answer = fmt.Sprint("guest ", to, " host ", from, " bound ", err == nil)
		}
		fmt.Println(" ", k.name, answer)
	}
}

// made at the start, before there is a guest
var literals = func() []any {
	n := func(n int) reflect.Type { return reflect.ArrayOf(n, reflect.TypeFor[int8]()) }
	return []any{
		reflect.Zero(reflect.MapOf(n(11), reflect.TypeFor[bool]())).Interface(),
		reflect.Zero(reflect.StructOf([]reflect.StructField{{Name: "F", Type: n(12)}})).Interface(),
		reflect.Zero(reflect.FuncOf([]reflect.Type{n(13)}, nil, false)).Interface(),
	}
}()

func rest(g *guest.Guest) {
	made := bound[func() []any](g, "Made")()
	var known [3]bool
	_, known[0] = made[0].(map[[21]int8]bool)
	_, known[1] = made[1].(struct{ F [22]int8 })
	_, known[2] = made[2].(func([23]int8))
	fmt.Println("  made:", known, bound[func([]any) [3]bool](g, "Known")(literals))
	_, locks := bound[func() sync.Locker](g, "Locker")().(*struct {
		sync.Mutex
		N int8
	})
	fmt.Println("  gob:", decode(bound[func() []byte](g, "Gob")()), bound[func([]byte) bool](g, "Decode")(encode()), "locker:", locks)
	text, err := json.Marshal(bound[func() any](g, "Text")())
	fmt.Println("  json:", string(text), err)
	info, _ := debug.ReadBuildInfo()
	fmt.Println("  modules:", info.Main.Path, bound[func() string](g, "Module")())
}

func round(g *guest.Guest) {
	fmt.Println(bound[func() string](g, "Generation")())
	table(g)
	rest(g)
}

func main() {
	put("guest.1")
	g, err := guest.Open("guest.so")
	check(err)
	round(g)
	for _, name := range []string{"guest.2", "guest.3"} {
		put(name)
		check(g.Reload())
		round(g)
	}
	_, err = guest.Bind[func() own](g, fmt.Sprint("F", len(kinds)-5))
	say(err)
	_, err = guest.Bind[func() *atomic.Pointer[own]](g, fmt.Sprint("F", len(kinds)-3))
	say(err)
	_, err = guest.Bind[func() struct{ a int8 }](g, fmt.Sprint("F", len(kinds)-2))
	say(err)
	fmt.Println("left:", guest.Reclaim(20*time.Second))
}
GO
build_guest guest.so guest &
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "the host does not build"
wait $! || exit 1
mv guest.so guest.1
variant guest.1 guest.2 "generation 1" "generation 2"
variant guest.1 guest.3 "generation 1" "generation 3"

# Whatever has something of a main package is the negative control: all questions have to
# be answered by no, but for those that go by the text of gob.
wrong="guest asmerkc host asmerkc bound false"
for n in 1 2 3; do
	echo "generation $n"
	while IFS='|' read -r name _; do
		case $name in
		own | instance-own | unexported) echo "  $name $wrong" ;;
		of-own | hidden) echo "  $name ${wrong//kc/}" ;;
		*) echo "  $name same" ;;
		esac
	done <<<"$kinds"
	cat <<E
  made: [true true true] [true true true]
  gob: true true locker: true
  json: "generation $n" <nil>
  modules: example.com/host example.com/guest
E
done >wanted
cat >>wanted <<'E'
guest.so: F19: it is not the program's func() main.own: the guest's main.own is a type of its own: use types of the standard library or of a package that both share
guest.so: F21: it is not the program's func() *atomic.Pointer[main.own]: the guest's atomic.Pointer[main.own] has a type of its own in it: use types of the standard library or of a package that both share
guest.so: F22: it is not the program's func() struct { a int8 }: the guest's struct { a int8 } has names or methods of its own: give it a name in a package that both share
left: 0
E
expect_output run_audited ./host <wanted
