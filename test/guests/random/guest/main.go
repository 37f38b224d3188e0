// A guest of the random programs: Make makes a value of one of many kinds, out of
// two others, and stores it in the keeper's table or in a variable of the guest's.
//
// Which kinds lead to the guest is known to random.c.  Where the type of a value
// is one of std, nothing static of the guest's may be in it, such as a constant
// that is converted to an interface.
package main

import "C"

import (
	"bytes"
	"container/list"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unique"
	"unsafe"
)

type node struct{ A, B any }

func (n *node) Visit(deep int, visit func(any, int)) { visit(n.A, deep); visit(n.B, deep) }
func (n *node) String() string                       { return "node" }
func (n *node) bound() any                           { return n.A }

type wide struct {
	A, B any
	pad  [80]*int
}

type key struct {
	n int
	s string
}

type failure struct{ v any }

func (f *failure) Error() string { return "failure" }

type record struct {
	Name  string            `json:"name"`
	Tags  map[string]key    `json:"-"`
	Lists [][]*record       `json:"lists"`
	Any   any               `json:"any"`
	Refs  map[string]string `json:"refs"`
}

var (
	table     *[32]any // the keeper's
	own       [8]any
	variable  any
	constants = [...]string{"constant one of the guest", "constant two of the guest", "constant three of the guest"}
	sentinel  = errors.New("sentinel of the guest")
	pool      = sync.Pool{New: func() any { return new(node) }}
	fired     int
)

//export Bind
func Bind(p unsafe.Pointer) { table = (*[32]any)(p) }

// at is a place: 0 to 31 of the table, from 32 on the guest's own.
func at(i int) *any {
	if i < len(table) {
		return &table[i]
	}
	return &own[i-len(table)]
}

//export Copy
func Copy(to, from int) { *at(to) = *at(from) }

//export Clear
func Clear(i int) { *at(i) = nil }

//export Make
func Make(kind, to, i, j int) {
	a, b := *at(i), *at(j)
	*at(to) = makers[kind](a, b, i)
}

var makers = [...]func(a, b any, n int) any{
	// 0: these lead to the guest, and to a and b
	func(a, b any, n int) any { return &node{a, b} },
	func(a, b any, n int) any { return node{a, b} },
	func(a, b any, n int) any { return []node{{a, b}, {b, a}} },
	func(a, b any, n int) any { return func() any { return []any{a, b} } },
	func(a, b any, n int) any { return unsafe.Pointer(&wide{A: a, B: b}) },
	func(a, b any, n int) any { return map[key]any{{n, "a"}: a, {n, "b"}: b} },
	func(a, b any, n int) any {
		t := reflect.StructOf([]reflect.StructField{{Name: "F", Type: reflect.TypeOf(node{})},
			{Name: "G" + strconv.Itoa(n), Type: reflect.TypeOf([]key(nil))}})
		v := reflect.New(t)
		v.Elem().Field(0).Set(reflect.ValueOf(node{a, b}))
		return v.Interface()
	},
	func(a, b any, n int) any { c := make(chan node, 2); c <- node{a, b}; return c },
	func(a, b any, n int) any { return reflect.ValueOf(&node{a, b}) },
	func(a, b any, n int) any { return fmt.Errorf("wrapped: %w", &failure{&node{a, b}}) },
	func(a, b any, n int) any { return (&node{[]any{a, b}, nil}).bound },
	func(a, b any, n int) any { return sync.OnceValue(func() any { return []any{a, b} }) },
	func(a, b any, n int) any {
		f := func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf([]any{a, b})} }
		return reflect.MakeFunc(reflect.TypeOf((func() any)(nil)), f).Interface()
	},
	func(a, b any, n int) any { return &[3]node{{a, b}} },
	func(a, b any, n int) any { return &wide{A: a, B: b} },
	// 15: to the guest alone
	func(a, b any, n int) any { return func() any { return n } },
	func(a, b any, n int) any { return (*node)(nil) },
	func(a, b any, n int) any { return reflect.TypeOf(node{}) },
	func(a, b any, n int) any { return &variable },
	func(a, b any, n int) any { return sentinel },
	func(a, b any, n int) any { return make(chan struct{ a, b int32 }, 3) },
	func(a, b any, n int) any { return unique.Make(key{n, strconv.Itoa(n)}) },
	func(a, b any, n int) any { return reflect.MapOf(reflect.TypeOf(key{}), reflect.TypeOf(n)) },
	func(a, b any, n int) any { return func() any { return nil } },
	func(a, b any, n int) any { return map[key]int{{n, "x"}: n} },
	// 25: to a and b alone
	func(a, b any, n int) any { return []any{a, b} },
	func(a, b any, n int) any { return map[string]any{"a": a, "b": b} },
	func(a, b any, n int) any { l := list.New(); l.PushBack(a); l.PushBack(b); return l },
	func(a, b any, n int) any {
		m := new(sync.Map)
		m.Store(strconv.Itoa(n), []any{a})
		m.Store(strconv.Itoa(n)+"b", []any{b})
		return m
	},
	// 29: to nothing
	func(a, b any, n int) any { s := constants[n%3]; return s },
	func(a, b any, n int) any { s := constants[n%3]; return s[n%4:] },
	func(a, b any, n int) any { return []string{constants[0], constants[n%3][3:]} },
	// 32: finalizers and cleanups of an object of std's
	func(a, b any, n int) any {
		p := new([]byte)
		*p = []byte{1}
		runtime.SetFinalizer(p, func(*[]byte) { fired++ })
		return p
	},
	func(a, b any, n int) any {
		p := new([]byte)
		*p = []byte{1}
		runtime.AddCleanup(p, func(m int) { fired += m }, n)
		return p
	},
}

//go:noinline
func use(any) {}

// Start keeps the value at i by a goroutine or a timer, and puts what ends it at to.
//
//export Start
func Start(kind, to, i int) {
	a := *at(i)
	switch kind {
	case 0:
		stop := make(chan struct{})
		go func() {
			<-stop
			use(a)
		}()
		runtime.Gosched()
		*at(to) = stop
	case 1:
		*at(to) = time.AfterFunc(time.Hour, func() { use(a) })
	}
}

// Touch has std's caches remember types of the guest's.
//
//export Touch
func Touch(kind, n int) {
	r := record{Name: constants[n%3], Lists: [][]*record{{{Name: "x"}}}, Any: n, Refs: map[string]string{"a": constants[1]}}
	switch kind {
	case 0:
		b, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			panic(err)
		}
	case 1:
		_ = fmt.Sprintf("%v %+v %T", r, &r, node{1, 2})
	case 2:
		pool.Put(&node{n, n})
		pool.Get()
	case 3:
		t := reflect.TypeOf(r)
		reflect.New(reflect.MapOf(reflect.TypeOf(""), reflect.SliceOf(t)))
		reflect.ValueOf(&node{}).MethodByName("String").Call(nil)
	case 4:
		var b bytes.Buffer
		x := key2{n}
		if gob.NewEncoder(&b).Encode(x) != nil || gob.NewDecoder(&b).Decode(&x) != nil {
			panic("gob")
		}
	case 5:
		runtime.SetFinalizer(&node{}, func(*node) { fired++ })
	}
}

type key2 struct{ N int }

func main() {}
