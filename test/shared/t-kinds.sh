#!/bin/bash
# What real packages have works in a package library: assembly, C, linkname, embedded files,
# generic types, types defined as std's, methods that reflection alone calls, inits that
# register with std or start goroutines.  test/modules has the packages themselves.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/shared/shared.sh"

printf 'package lib\n\nconst Salt = "%s"\n' "$SALT" | go_file lib/lib.go
go_file lib/asm/asm.go <<'GO'
package asm

func Add(a, b int64) int64

var table = [4]int64{1, 2, 3, 4}

func Third() int64
GO
cat >src/lib/asm/asm_amd64.s <<'S'
#include "textflag.h"

TEXT ·Add(SB), NOSPLIT, $0-24
	MOVQ a+0(FP), AX
	ADDQ b+8(FP), AX
	MOVQ AX, ret+16(FP)
	RET

TEXT ·Third(SB), NOSPLIT, $0-8
	LEAQ ·table(SB), BX
	MOVQ 16(BX), AX
	MOVQ AX, ret+0(FP)
	RET
S
go_file lib/c/c.go <<'GO'
package c

// static int calls;
// static int called(void) { return ++calls; }
// typedef int (*callback)(int);
// extern int goTwice(int);
// static int back(int n) { return goTwice(n); }
import "C"

//export goTwice
func goTwice(n C.int) C.int { return 2 * n }

func Called() int { return int(C.called()) }

func Back(n int) int { return int(C.back(C.int(n))) }
GO
sed -i 's/static int back(int n) { return goTwice(n); }/int back(int n);/' src/lib/c/c.go
cat >src/lib/c/back.c <<'C'
#include "_cgo_export.h"

int back(int n) { return goTwice(n); }
C
go_file lib/link/link.go <<'GO'
package link

import _ "unsafe"

//go:linkname nanotime runtime.nanotime
func nanotime() int64

func Later() bool { t := nanotime(); return nanotime() >= t && t > 0 }
GO
touch src/lib/link/empty.s
go_file lib/files/files.go <<'GO'
package files

import "embed"

//go:embed text
var FS embed.FS

//go:embed text
var Text string
GO
printf embedded >src/lib/files/text
go_file lib/list/list.go <<'GO'
package list

import (
	"fmt"
	"net/netip"
	"sync/atomic"
)

type List[T any] struct {
	items []T
	last  atomic.Pointer[T]
}

func (l *List[T]) Add(t T) *List[T] { l.items = append(l.items, t); l.last.Store(&t); return l }
func (l *List[T]) String() string   { return fmt.Sprint(l.items, *l.last.Load()) }

func Map[T, U any](l *List[T], f func(T) U) *List[U] {
	out := new(List[U])
	for _, t := range l.items {
		out.Add(f(t))
	}
	return out
}

// The library has this instance, and so it is one for all guests.
var Ints = new(List[int]).Add(1)

type Addr netip.Addr

func (a Addr) Is() bool           { return netip.Addr(a).Is4() }
func (a *Addr) Set(to netip.Addr) { *a = Addr(to) }
GO
go_file lib/reg/reg.go <<'GO'
package reg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"errors"
	"expvar"
	"flag"
	"image"
	"io"
	"net/http"
)

type drv struct{}

func (drv) Open(string) (driver.Conn, error)              { return nil, Err }
func (drv) Connect(context.Context) (driver.Conn, error) { return nil, Err }

var Err = errors.New("no database")

type Message struct{ N int }

var Work = make(chan func())

var Flag = flag.Int("kinds-of-packages", 5, "")

func init() {
	sql.Register("kinds", drv{})
	gob.Register(Message{})
	expvar.NewInt("kinds").Set(1)
	http.HandleFunc("/kinds", http.NotFound)
	image.RegisterFormat("kinds", "kinds", func(io.Reader) (image.Image, error) { return nil, Err },
		func(io.Reader) (image.Config, error) { return image.Config{}, Err })
	go func() {
		for f := range Work {
			f()
		}
	}()
}
GO
needs kinds lib
go_file kinds/main.go <<'GO'
package main

import "C"

import (
	"bytes"
	"database/sql"
	"encoding/gob"
	"errors"
	"expvar"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"text/template"

	"example.com/lib"
	"example.com/lib/asm"
	"example.com/lib/c"
	"example.com/lib/files"
	"example.com/lib/link"
	"example.com/lib/list"
	"example.com/lib/reg"
)

const generation = "generation 1"

type mine struct{ n int }

func registered() string {
	db, err := sql.Open("kinds", "")
	if err == nil {
		err = db.Ping()
		db.Close()
	}
	var b bytes.Buffer
	var v any = reg.Message{N: 3}
	coded := gob.NewEncoder(&b).Encode(&v)
	v = nil
	decoded := gob.NewDecoder(&b).Decode(&v)
	done := make(chan bool)
	reg.Work <- func() { done <- true }
	return fmt.Sprint(errors.Is(err, reg.Err), coded, decoded, v.(reg.Message).N, expvar.Get("kinds"), *reg.Flag, <-done)
}

//export Test
func Test() *C.char {
	var a list.Addr
	a.Set(netip.MustParseAddr("10.0.0.1"))
	is := reflect.ValueOf(&a).MethodByName(strings.Title("is")).Call(nil)[0]
	b, _ := files.FS.ReadFile("text")
	var t strings.Builder
	template.Must(template.New("t").Parse("{{.String}}")).Execute(&t, list.Map(list.Ints, func(n int) mine { return mine{n} }))
	c.Called()
	return C.CString(fmt.Sprint(generation, " ", lib.Salt != "", asm.Add(1, 2), asm.Third(), c.Called(), c.Back(4), link.Later(),
		string(b), files.Text, list.Ints, is, t.String(), " ", registered()))
}

func main() {}
GO
build_guest kinds.1 kinds -share deps
library=$(libraries_of kinds.1)
[ "$(grep -c '^package' "$PACKAGES/${library%.so}.list")" = 7 ] || fail "$(cat "$PACKAGES/${library%.so}.list")"
variant kinds.1 kinds.2 "generation 1" "generation 2"
build_host cycle
expect_output run_audited ./cycle kinds <<'E2'
generation 1 true 3 3 2 8 trueembeddedembedded[1] 1 true[{1}] {1} true <nil> <nil> 3 1 5 true
generation 2 true 3 3 4 8 trueembeddedembedded[1] 1 true[{1}] {1} true <nil> <nil> 3 1 5 true
generation 2 true 3 3 6 8 trueembeddedembedded[1] 1 true[{1}] {1} true <nil> <nil> 3 1 5 true
generation 1 true 3 3 8 8 trueembeddedembedded[1] 1 true[{1}] {1} true <nil> <nil> 3 1 5 true
generation 1 true 3 3 10 8 trueembeddedembedded[1] 1 true[{1}] {1} true <nil> <nil> 3 1 5 true
guests in the runtime: 2
E2
expect_no_snapshots
