// A guest that does a bit of everything and ends all it has begun.
package main

import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

type in struct{ X, Y int }

type key struct {
	a, b int
	s    string
}

type record struct {
	A int    `json:"a"`
	S string `json:"s,omitempty"`
	M map[string]in
	L []*in
	I any
	R [10]*in
}

type large struct {
	p [100]*record
	m map[key]*record
}

type failure struct{ n int }

func (i in) String() string      { return fmt.Sprintf("<%d,%d>", i.X, i.Y) }
func (f *failure) Error() string { return fmt.Sprint("failure ", f.n) }

var (
	all     = map[key]*large{}
	results []string
	mu      sync.Mutex
	running sync.Mutex
)

func try(i int) (err error) {
	defer func() { err, _ = recover().(error) }()
	if i%2 == 0 {
		panic(&failure{i})
	}
	var p *failure
	p.n++
	return nil
}

func work(i, a int, ch chan<- *large) {
	v := record{a, "s", map[string]in{"k": {1, 2}}, []*in{{3, 4}}, in{5, 6}, [10]*in{{1, 1}}}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var w record
	if err := json.Unmarshal(b, &w); err != nil {
		panic(err)
	}
	s := fmt.Sprintf("%v %+v %T %s", v, w, &v, in{7, 8})
	if !strings.HasSuffix(s, "<7,8>") {
		panic(s)
	}
	l := &large{m: map[key]*record{{i, 1, s}: &w}}
	l.p[i] = &v
	ch <- l
	mu.Lock()
	results = append(results, s)
	mu.Unlock()
}

//export Run
func Run(a int) int {
	running.Lock()
	defer running.Unlock()
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{1, 2, "k"}, in{1, 2}), time.Minute)
	defer cancel()
	ch := make(chan *large, 4)
	results = nil
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() { defer wg.Done(); work(i, a, ch) }()
	}
	wg.Wait()
	close(ch)
	n := 0
	for l := range ch {
		all[key{n, 0, "x"}] = l
		n++
	}
	var f *failure
	if !errors.As(fmt.Errorf("wrap: %w", try(2)), &f) || f.n != 2 || try(1) == nil {
		panic("errors")
	}
	slices.SortFunc(results, strings.Compare)
	x := reflect.New(reflect.SliceOf(reflect.TypeOf(in{}))).Elem()
	x = reflect.Append(x, reflect.ValueOf(in{9, 9}))
	if fmt.Sprint(x.Interface()) != "[<9,9>]" {
		panic("reflect")
	}
	select {
	case <-time.After(time.Microsecond):
	case <-ctx.Done():
	}
	return a + n
}

func main() {}
