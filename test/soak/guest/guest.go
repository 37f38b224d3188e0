// The guest of the soak: each generation makes types known to std's caches,
// starts goroutines and timers that end, and fills maps of its own.
package main

import "C"

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"
)

const generation = "generation 0001"

type level int

func (l level) String() string { return fmt.Sprintf("level %d", int(l)) }

type item struct {
	Name  string            `json:"name"`
	Level level             `json:"level"`
	Tags  map[string]string `json:"tags"`
	Next  *item             `json:"next,omitempty"`
}

type pair[K comparable, V any] struct {
	Key K
	Val V
}

func sorted[V any](m map[string]V) (out []pair[string, V]) {
	for k, v := range m {
		out = append(out, pair[string, V]{k, v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return
}

type failure struct{ err error }

func (f *failure) Error() string { return "failure: " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

type big struct {
	next *big
	text string
	data [1000]byte
}

var (
	pool  = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	cache sync.Map
	seen  = map[any]int{}
	page  = template.Must(template.New("page").Parse("{{range .}}{{.Key}}={{.Val}} {{end}}"))
	list  *big
)

func encode(it item) (string, error) {
	b := pool.Get().(*bytes.Buffer)
	defer pool.Put(b)
	b.Reset()
	if err := json.NewEncoder(b).Encode(it); err != nil {
		return "", err
	}
	var back item
	err := json.Unmarshal(b.Bytes(), &back)
	if !reflect.DeepEqual(it, back) {
		return "", errors.New("not the same")
	}
	return strings.TrimSpace(b.String()), err
}

func workers(n int) (sum int) {
	var wg sync.WaitGroup
	results := make(chan pair[int, *item], n)
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results <- pair[int, *item]{i, &item{Level: level(i)}}
		}()
	}
	fired := make(chan struct{})
	time.AfterFunc(time.Microsecond, func() { close(fired) })
	pending := time.AfterFunc(time.Hour, func() { cache.Store("never", 1) })
	tick := time.NewTicker(10 * time.Microsecond)
	<-tick.C
	tick.Stop()
	pending.Stop()
	<-fired
	wg.Wait()
	close(results)
	for r := range results {
		sum += r.Key + int(r.Val.Level)
	}
	return
}

// Warm brings the runtime to the most goroutines, threads and waiting records
// that it is going to have: it keeps them for good, whoever has needed them.
//
//export Warm
func Warm() {
	var wg sync.WaitGroup
	var pipe [2]int
	gate := make(chan struct{})
	syscall.Pipe(pipe[:])
	for i := 0; i < 24; i++ {
		wg.Add(1)
		go func() { defer wg.Done(); syscall.Read(pipe[0], make([]byte, 1)) }()
	}
	for i := 0; i < 2000; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			select {
			case <-gate:
			case <-time.After(time.Minute):
			}
		}()
	}
	threads := func() int { e, _ := os.ReadDir("/proc/self/task"); return len(e) }
	for threads() < 24 {
		time.Sleep(time.Millisecond)
	}
	close(gate)
	syscall.Close(pipe[1])
	wg.Wait()
	syscall.Close(pipe[0])
}

//export Test
func Test() *C.char {
	text, err := encode(item{generation, 3, map[string]string{"a": "b"}, &item{Name: "inner"}})
	for i := 0; i < 20; i++ {
		list = &big{next: list, text: fmt.Sprint(i)}
		seen[pair[int, string]{i, "x"}]++
		seen[level(i)]++
		cache.Store(level(i), &item{Level: level(i)})
	}
	var b strings.Builder
	page.Execute(&b, sorted(map[string]level{"k": 1, "j": 2}))
	wrapped := fmt.Errorf("outer: %w", &failure{io.ErrUnexpectedEOF})
	var f *failure
	return C.CString(fmt.Sprintln(text, err, workers(8), b.String(), errors.As(wrapped, &f), errors.Is(wrapped, io.ErrUnexpectedEOF),
		len(seen), reflect.MapOf(reflect.TypeOf(level(0)), reflect.TypeOf(item{})), reflect.TypeOf(seen).Key()))
}

func main() {}
