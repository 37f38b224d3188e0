# A table of types, for tests that hold them against each other: a program and its guest,
# or two guests; after lib.sh.
# shellcheck shell=bash

# NAME|TYPE|VALUE, of which the last ones have something of the main package in them.
kinds='basic|int16|7
named|time.Duration|7
std|netip.AddrPort|netip.MustParseAddrPort("1.2.3.4:5")
pointer|**url.URL|nil
slice|[][3]int8|nil
array|[9]netip.Addr|[9]netip.Addr{}
map|map[netip.Prefix][5]time.Duration|nil
channel|<-chan [13]int8|nil
function|func(...netip.Addr) map[int8]string|nil
expression|func(*url.URL, string) (*url.URL, error)|(*url.URL).Parse
alias|alias|nil
structure|struct{ A int; B netip.Addr `x:"y"`; C any }|struct{ A int; B netip.Addr `x:"y"`; C any }{A: 1}
pointed|*struct{ Q int8 }|nil
embedded|struct{ sync.Mutex; N int8 }|struct{ sync.Mutex; N int8 }{}
interface|[]interface{ Handle(string) (string, error) }|nil
interfaces|func(interface{ fmt.Stringer; error })|nil
instance|*atomic.Pointer[url.URL]|nil
literal|iter.Seq2[struct{ A int }, error]|nil
handle|unique.Handle[[3]int16]|unique.Make([3]int16{1})
own|own|1
of-own|map[own]int|nil
instance-own|*atomic.Pointer[own]|nil
unexported|struct{ a int8 }|struct{ a int8 }{1}
hidden|[]interface{ handle() }|nil'

# kinds_go: the table in Go.  Its entries are asked for a value, and about another's.
kinds_go() {
	local name type value i=0
	cat <<'GO'
package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unique"
)

type (
	own   int8
	alias = map[[4]int8]chan netip.Addr
)

var _ iter.Seq[int]
var _ atomic.Bool
var _ sync.Locker
var _ = unique.Make[int]

// What goes over to the other side: a value, an error whose method has the type, the
// type, and what has been encoded.
type parcel = struct {
	Value  any
	Err    error
	Type   reflect.Type
	Locker sync.Locker
	Gob    []byte
}

// encode and decode carry a struct in an interface.
func encode() []byte {
	var b bytes.Buffer
	gob.Register(struct{ G int }{})
	var v any = struct{ G int }{5}
	if err := gob.NewEncoder(&b).Encode(&v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func decode(b []byte) bool {
	gob.Register(struct{ G int }{})
	var v any
	err := gob.NewDecoder(bytes.NewReader(b)).Decode(&v)
	return err == nil && v == struct{ G int }{5}
}

// same asks about one thing at a time; each wrong answer is a letter.
func same(t *kind, p parcel) (wrong string) {
	ask := func(letter string, ok bool) {
		if !ok {
			wrong += letter
		}
	}
	ask("a", t.is(p.Value))
	ask("s", t.cases(p.Value))
	ask("m", t.method(p.Err))
	ask("e", t.as(fmt.Errorf("wrapped: %w", p.Err)))
	ask("r", p.Type == t.mine().Type && reflect.TypeOf(p.Value) == p.Type)
	if p.Type.Comparable() {
		mine := t.mine().Value
		ask("k", map[any]int{p.Value: 5}[mine] == 5)
		ask("c", context.WithValue(context.Background(), p.Value, 1).Value(mine) != nil)
	}
	return
}

type kind struct {
	name          string
	mine          func() parcel
	is, cases     func(any) bool
	method, as    func(error) bool
}

var _ = time.Second
var _ = url.Parse
var _ = json.Marshal
var _ = errors.As

var kinds = []kind{
GO
	while IFS='|' read -r name type value; do
		cat <<GO
	{"$name", func() parcel { return parcel{Value: value$i(), Err: error$i{}, Type: reflect.TypeFor[$type]()} },
		func(v any) bool { _, ok := v.($type); return ok },
		func(v any) bool {
			switch v.(type) {
			case nil, complex64, *complex64, []complex64, complex128:
			case $type:
				return true
			}
			return false
		},
		func(e error) bool { _, ok := e.(interface{ M$i($type) $type }); return ok },
		func(e error) bool { var to interface { error; M$i($type) $type }; return errors.As(e, &to) }},
GO
		i=$((i + 1))
	done <<<"$kinds"
	echo "}"
	i=0
	while IFS='|' read -r name type value; do
		cat <<GO

type error$i struct{}

func (error$i) M$i(x $type) (y $type) { return }
func (error$i) Error() string { return "" }
func value$i() $type { var v $type = $value; return v }
func F$i() $type { return value$i() }
GO
		i=$((i + 1))
	done <<<"$kinds"
}
