#!/bin/bash
# Guests that use much of the standard library are opened, called, closed,
# changed, opened again and unmapped, each alone and all in one process; what
# std remembers of their types does no harm: 50 collections follow, and calls.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file fmt/main.go <<'GO'
package main

import "C"

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const generation = "generation 1"

type colour int

func (c colour) String() string { return [...]string{"red", "green"}[c] }

type point struct{ X, Y int }

func (p point) GoString() string                { return fmt.Sprintf("point(%d, %d)", p.X, p.Y) }
func (p *point) Format(f fmt.State, verb rune) { fmt.Fprintf(f, "<%d %d %c>", p.X, p.Y, verb) }

type failure struct {
	what string
	err  error
}

func (f *failure) Error() string { return f.what + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

var sentinel = errors.New("sentinel")

//export Test
func Test() *C.char {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%v %d|%#v|%v|%+v|%T", generation, colour(1), colour(1), point{1, 2}, &point{3, 4},
		map[colour]point{0: {5, 6}}, map[string]colour{})
	err := fmt.Errorf("outer: %w", &failure{"middle", sentinel})
	var f *failure
	fmt.Fprintf(&b, "|%v|%t %t", err, errors.Is(err, sentinel), errors.As(err, &f))
	_, err = os.Open("/does/not/exist")
	var pe *fs.PathError
	_, direct := err.(*fs.PathError)
	fmt.Fprintf(&b, "|%t %t %t", errors.As(err, &pe), direct, errors.Is(err, fs.ErrNotExist))
	own := error(&fs.PathError{Op: "op", Path: "path", Err: sentinel})
	var n, m int
	var s string
	fmt.Sscanf("7 8 nine", "%d %d %s", &n, &m, &s)
	fmt.Fprintf(&b, "|%v|%d %d %s", own, n, m, s)
	return C.CString(b.String())
}

func main() {}
GO

go_file json/main.go <<'GO'
package main

import "C"

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"time"
)

const generation = "generation 1"

type level uint8

func (l level) MarshalText() ([]byte, error) { return []byte(fmt.Sprintf("level-%d", uint8(l))), nil }
func (l *level) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "level-%d", (*uint8)(l))
	return err
}

type base struct {
	ID int `json:"id" xml:"id,attr"`
}

type record struct {
	base
	Name   string           `json:"name"`
	Level  level            `json:"level"`
	Levels map[level]string `json:"levels,omitempty" xml:"-"`
	Next   *record          `json:"next,omitempty"`
	Any    any              `json:"any" xml:"-"`
	At     time.Time        `json:"at"`
	Skip   func()           `json:"-" xml:"-"`
}

type reversed string

func (r reversed) MarshalJSON() ([]byte, error) {
	b := []byte(r)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return json.Marshal(string(b))
}

//export Test
func Test() *C.char {
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	in := record{base{1}, generation, 2, map[level]string{3: "three"}, &record{Name: "inner", At: at}, reversed("abc"), at, nil}
	b, err := json.Marshal(in)
	if err != nil {
		return C.CString(err.Error())
	}
	var out record
	err = json.Unmarshal(b, &out)
	var loose map[string]any
	json.Unmarshal(b, &loose)
	x, xerr := xml.Marshal(in)
	var back record
	xerr2 := xml.Unmarshal(x, &back)
	var wrong *json.UnmarshalTypeError
	return C.CString(fmt.Sprint(string(b), err, out.Levels[3], out.Next.Name, len(loose), out.Any,
		string(x), xerr, xerr2, back.Level, " wrong type: ", errors.As(json.Unmarshal([]byte(`{"id": "x"}`), &out), &wrong)))
}

func main() {}
GO

go_file template/main.go <<'GO'
package main

import "C"

import (
	html "html/template"
	"log"
	"regexp"
	"sort"
	"strings"
	"text/template"
)

const generation = "generation 1"

type item struct {
	Name  string
	Price float64
}

func (i item) Cents() int               { return int(i.Price * 100) }
func (i item) Times(n int) (int, error) { return i.Cents() * n, nil }

type byPrice []item

func (b byPrice) Len() int           { return len(b) }
func (b byPrice) Less(i, j int) bool { return b[i].Price < b[j].Price }
func (b byPrice) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

var (
	text = template.Must(template.New("t").Funcs(template.FuncMap{"up": strings.ToUpper, "own": func(i item) string { return "own " + i.Name }}).
		Parse(`{{.Title | up}}:{{range .Items}} {{.Name}}={{.Cents}}/{{.Times 3}}/{{own .}}{{end}}`))
	page  = html.Must(html.New("h").Parse(`<a href="{{.}}">{{.}}</a>`))
	words = regexp.MustCompile(`(\w+) (\d+)`)
)

//export Test
func Test() *C.char {
	var b strings.Builder
	items := []item{{"tea", 2.5}, {"cake", 1.25}}
	sort.Sort(byPrice(items))
	if err := text.Execute(&b, map[string]any{"Title": generation, "Items": items}); err != nil {
		return C.CString(err.Error())
	}
	b.WriteByte(' ')
	page.Execute(&b, `<"&>`)
	log.New(&b, " log: ", log.Lmsgprefix).Print(words.ReplaceAllString(generation, "$2 $1"))
	return C.CString(strings.TrimSpace(b.String()))
}

func main() {}
GO

go_file reflect/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

const generation = "generation 1"

type local struct {
	A int `tag:"a"`
	B string
}

func (l local) Method(n int) string { return fmt.Sprint(l.A+n, l.B) }
func (l *local) Read(b []byte) (int, error) {
	return copy(b, l.B), io.EOF
}

type key struct{ k any }

func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		return "error"
	case fmt.Stringer:
		return "Stringer"
	case io.Reader:
		return "Reader"
	case map[string]int:
		return "map"
	case func(int) string:
		return "func"
	case []local:
		return "locals"
	case chan local:
		return "chan"
	default:
		return reflect.TypeOf(v).String()
	}
}

//export Test
func Test() *C.char {
	var b strings.Builder
	say := func(v ...any) { fmt.Fprint(&b, fmt.Sprint(v...), " ") }
	say(generation)
	// Types made at run time are those of the compiler.
	str, num, loc := reflect.TypeOf(""), reflect.TypeOf(0), reflect.TypeOf(local{})
	say(reflect.MapOf(str, num) == reflect.TypeOf(map[string]int{}))
	say(reflect.SliceOf(str) == reflect.TypeOf([]string{}), reflect.SliceOf(loc) == reflect.TypeOf([]local{}))
	say(reflect.MapOf(str, loc) == reflect.TypeOf(map[string]local{}), reflect.ChanOf(reflect.BothDir, loc) == reflect.TypeOf(make(chan local)))
	say(reflect.FuncOf([]reflect.Type{num}, []reflect.Type{str}, false) == reflect.TypeOf(func(int) string { return "" }))
	say(reflect.PointerTo(reflect.PointerTo(loc)).String())
	made := reflect.StructOf([]reflect.StructField{{Name: "L", Type: loc}, {Name: "N", Type: num}})
	v := reflect.New(made).Elem()
	v.Field(0).Set(reflect.ValueOf(local{1, "x"}))
	say(fmt.Sprintf("%+v", v.Interface()))
	m := reflect.MakeMap(reflect.MapOf(loc, reflect.ArrayOf(3, loc)))
	m.SetMapIndex(reflect.ValueOf(local{2, "k"}), reflect.Zero(reflect.ArrayOf(3, loc)))
	say(m.Len(), m.Type())
	// Methods and functions by reflection.
	say(reflect.ValueOf(local{3, "m"}).MethodByName("Method").Call([]reflect.Value{reflect.ValueOf(4)})[0])
	swap := reflect.MakeFunc(reflect.TypeOf(func(local, int) (int, local) { return 0, local{} }),
		func(a []reflect.Value) []reflect.Value { return []reflect.Value{a[1], a[0]} })
	n, l := swap.Interface().(func(local, int) (int, local))(local{5, "s"}, 6)
	say(n, l)
	say(loc.Field(0).Tag.Get("tag"), loc.PkgPath(), loc.NumMethod(), reflect.PointerTo(loc).NumMethod())
	// Dynamic types of both sides.
	for _, x := range []any{nil, io.EOF, reflect.ValueOf(1), &local{}, strings.NewReader(""), map[string]int{},
		func(int) string { return "" }, []local{}, make(chan local), local{}, key{}} {
		say(kind(x))
	}
	got, _ := io.ReadAll(&local{B: "read"})
	say(string(got))
	keys := map[any]int{key{"a"}: 1, key{1}: 2, local{7, "z"}: 3, [2]string{"p", "q"}: 4}
	say(keys[key{"a"}], keys[key{1}], keys[local{7, "z"}], keys[[2]string{"p", "q"}], keys[key{"b"}])
	say(reflect.DeepEqual(map[string][]local{"a": {{1, "x"}}}, map[string][]local{"a": {{1, "x"}}}))
	return C.CString(strings.TrimSpace(b.String()))
}

func main() {}
GO

go_file generics/main.go <<'GO'
package main

import "C"

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const generation = "generation 1"

type number interface{ ~int | ~float64 }
type metres float64

func (m metres) String() string { return fmt.Sprintf("%.1fm", float64(m)) }

func sum[T number](v ...T) (s T) {
	for _, x := range v {
		s += x
	}
	return
}

type tree[K cmp.Ordered, V any] struct {
	left, right *tree[K, V]
	k           K
	v           V
}

func (t *tree[K, V]) put(k K, v V) *tree[K, V] {
	switch {
	case t == nil:
		return &tree[K, V]{k: k, v: v}
	case k < t.k:
		t.left = t.left.put(k, v)
	case k > t.k:
		t.right = t.right.put(k, v)
	default:
		t.v = v
	}
	return t
}

func (t *tree[K, V]) walk(f func(K, V)) {
	if t != nil {
		t.left.walk(f)
		f(t.k, t.v)
		t.right.walk(f)
	}
}

type pair[A, B any] struct {
	First  A
	Second B
}

type queue[T cmp.Ordered] []T

func (q queue[T]) Len() int           { return len(q) }
func (q queue[T]) Less(i, j int) bool { return q[i] < q[j] }
func (q queue[T]) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue[T]) Push(x any)        { *q = append(*q, x.(T)) }
func (q *queue[T]) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

type tagged[T any] struct{ error }

//export Test
func Test() *C.char {
	var b strings.Builder
	var t *tree[string, pair[int, metres]]
	for i, k := range []string{"m", "c", "x", "a"} {
		t = t.put(k, pair[int, metres]{i, metres(i) / 2})
	}
	t.walk(func(k string, p pair[int, metres]) { fmt.Fprint(&b, k, p, " ") })
	q := &queue[metres]{3, 1, 2}
	heap.Init(q)
	heap.Push(q, metres(0.5))
	people := []pair[string, int]{{"b", 2}, {"a", 2}, {"c", 1}}
	slices.SortFunc(people, func(x, y pair[string, int]) int {
		return cmp.Or(cmp.Compare(x.Second, y.Second), strings.Compare(x.First, y.First))
	})
	var e tagged[metres]
	err := error(tagged[metres]{errors.New("tagged")})
	fmt.Fprintf(&b, "%v %v %v %T %t %v", sum(1, 2, 3), sum[metres](1, 1.5), heap.Pop(q), people[0], errors.As(err, &e), people)
	same := maps.Equal(map[pair[int, int]]metres{{1, 2}: 3}, map[pair[int, int]]metres{{1, 2}: 3})
	return C.CString(fmt.Sprint(generation, " ", b.String(), same))
}

func main() {}
GO

echo "text of generation 1" >embedded.txt
go_file embed/main.go <<'GO'
package main

import "C"

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed one.txt
var one string

//go:embed one.txt
var bytes []byte

//go:embed *.txt sub
var files embed.FS

//export Test
func Test() *C.char {
	var names []string
	fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	two, err := files.ReadFile("sub/two.txt")
	_, missing := files.Open("three")
	return C.CString(fmt.Sprintf("%q %d %v %q %v %v", one, len(bytes), names, two, err, missing))
}

func main() {}
GO
go_file embed/one.txt <<<'one of generation 1'
go_file embed/sub/two.txt <<<'two of generation 1'

go_file sync/main.go <<'GO'
package main

import "C"

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const generation = "generation 1"

type buffer struct {
	next *buffer
	data [64]byte
}

type token struct{ name string }

var (
	pool   = sync.Pool{New: func() any { return new(buffer) }}
	shared sync.Map
	once   sync.Once
	count  atomic.Int64
)

type ctxKey struct{}

//export Test
func Test() *C.char {
	count.Store(0)
	once.Do(func() { shared.Store(token{"once"}, -1) })
	for i := 0; i < 100; i++ {
		b := pool.Get().(*buffer)
		b.data[0] = byte(i)
		pool.Put(b)
		pool.Put(new(buffer))
	}
	var wg sync.WaitGroup
	results := make(chan token, 8)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), ctxKey{}, token{"value"}))
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if r := recover(); r != nil {
					shared.Store(token{fmt.Sprint(r)}, i)
				}
			}()
			results <- token{fmt.Sprint(i)}
			<-ctx.Done()
			count.Add(1)
			panic(fmt.Sprint("p", i))
		}()
	}
	stopped := time.AfterFunc(time.Hour, func() { count.Add(1000) })
	fired := make(chan bool)
	time.AfterFunc(time.Microsecond, func() { close(fired) })
	<-fired
	tick := time.NewTicker(time.Microsecond)
	<-tick.C
	tick.Stop()
	stopped.Stop()
	cancel()
	wg.Wait()
	n := 0
	shared.Range(func(k, v any) bool { n++; return true })
	return C.CString(fmt.Sprint(generation, " ", count.Load(), " ", len(results), " ", n, " ",
		ctx.Value(ctxKey{}), ctx.Err()))
}

func main() {}
GO

go_file inits/main.go <<'GO'
package main

import "C"

import (
	"flag"
	"fmt"
	"math/rand"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const generation = "generation 1"

var (
	order   []string
	b       = add("b", a)
	a       = add("a", 0)
	started = time.Now()
	args    = len(os.Args) > 1
	program = filepath.Base(os.Args[0])
	flags   = flag.NewFlagSet(os.Args[0], flag.ContinueOnError)
	verbose = flags.Bool("v", false, "say more")
	_, cidr, cidrErr = net.ParseCIDR("192.0.2.0/24")
	home    = os.Getenv("GREETING")
)

func add(name string, v int) int { order = append(order, name); return v + 1 }

func init() { order = append(order, "init1"); flags.Parse([]string{"-v", "rest"}) }
func init() { order = append(order, "init2"); fmt.Fprint(os.Stdout, "init of ", generation, "\n") }

//export Test
func Test() *C.char {
	zone := time.FixedZone("Z", 3600)
	ok := netip.MustParsePrefix("192.0.2.0/24").Contains(netip.MustParseAddr("192.0.2.7"))
	rand.Shuffle(3, func(i, j int) {})
	_, file, _, _ := runtime.Caller(0)
	return C.CString(fmt.Sprint(generation, " ", strings.Join(order, ","), " ", a, b, " ", args, " ", program, " ", *verbose, flags.Args(), " ",
		cidr, cidrErr, ok, cidr.Contains(net.IPv4(192, 0, 2, 9)), " ", home, " ", time.Since(started) >= 0, " ",
		time.Unix(0, 0).In(zone).Format(time.RFC3339), " ", filepath.Base(file)))
}

func main() {}
GO

all="fmt json template reflect generics embed sync inits"
build_guests $all
for name in $all; do
	mv $name.so $name.1
	variant $name.1 $name.2 "generation 1" "generation 2"
done
build_host cycle
export GREETING=hello


# The five lines of a guest are those of generations 1, 2, 2, 1 and 1, where
# the text may have the number as "generation 1", "1 generation", ...
expected() { # NAME
	local n
	for n in 1 2 2 1 1; do
		sed "s/generation 1/generation $n/g; s/GENERATION 1/GENERATION $n/g; s/1 generation/$n generation/g" "$1.text"
	done
}
cat >fmt.text <<'E'
generation 1|green 1|point(1, 2)|<3 4 v>|map[red:{X:5 Y:6}]|map[string]main.colour|outer: middle: sentinel|true true|true true true|op path: sentinel|7 8 nine
E
cat >json.text <<'E'
{"id":1,"name":"generation 1","level":"level-2","levels":{"level-3":"three"},"next":{"id":0,"name":"inner","level":"level-0","any":null,"at":"2001-02-03T04:05:06Z"},"any":"cba","at":"2001-02-03T04:05:06Z"}<nil>threeinner7cba<record id="1"><Name>generation 1</Name><Level>level-2</Level><Next id="0"><Name>inner</Name><Level>level-0</Level><At>2001-02-03T04:05:06Z</At></Next><At>2001-02-03T04:05:06Z</At></record><nil> <nil> 2 wrong type: true
E
cat >template.text <<'E'
GENERATION 1: cake=125/375/own cake tea=250/750/own tea <a href="%3c%22&amp;%3e">&lt;&#34;&amp;&gt;</a> log: 1 generation
E
cat >reflect.text <<'E'
generation 1 true true true true true true **main.local {L:{A:1 B:x} N:0} 1 map[main.local][3]main.local 7m 6 {5 s} amain1 2 nil error Stringer Reader Reader map func locals chan main.local main.key read 1 2 3 4 0 true
E
cat >generics.text <<'E'
generation 1 a{3 1.5m} c{1 0.5m} m{0 0.0m} x{2 1.0m} 6 2.5m 0.5m main.pair[string,int] true [{c 1} {a 2} {b 2}]true
E
cat >embed.text <<'E'
"one of generation 1\n" 20 [. one.txt sub sub/two.txt] "two of generation 1\n" <nil> open three: file does not exist
E
cat >sync.text <<'E'
generation 1 8 8 9 {value} context canceled
E
cat >inits.text <<'E'
generation 1 a,b,init1,init2 1 2 true cycle true [rest] 192.0.2.0/24 <nil> true true hello true 1970-01-01T01:00:00+01:00 main.go
E
for name in $all; do
	{ expected $name; echo "guests in the runtime: 1"; } >$name.expected
	[ $name = inits ] &&	# it also prints when it is initialised
		sed -i -e '1i init of generation 1' -e '2i init of generation 2' -e '4i init of generation 1' $name.expected
	expect_output run_audited ./cycle $name <$name.expected
done

# All in one process: types, caches and tables of one are no matter of another's.
{
	echo "init of generation 1"
	for n in 1 2 3 4 5; do
		for name in $all; do
			expected $name | sed -n ${n}p
		done
	done
	echo "guests in the runtime: $(wc -w <<<"$all")"
} | sort >all.expected
run_audited ./cycle $all >all.actual || fail "all in one process"
{ sort all.actual; } >all.sorted
echo "init of generation 1" >>all.expected
echo "init of generation 2" >>all.expected
sort -o all.expected all.expected
diff -u all.expected all.sorted || fail "all in one process"
