#!/bin/bash
# Program counters that a program keeps itself, of runtime.Callers and in a slog.Record: of a
# generation that is gone they are of a function "gone (guest.so generation 3)", and never
# another's, over generations with different functions that would lie at one address.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
wants_guest_package

go_file one/main.go <<'GO'
package main

import "C"

import (
	"context"
	"log/slog"
	"runtime"
)

//go:noinline
func WhereInA() []uintptr {
	pcs := make([]uintptr, 2)
	return pcs[:runtime.Callers(1, pcs)]
}

func Where() []uintptr { return WhereInA() }

type keep struct {
	slog.Handler
	to *slog.Record
}

func (k keep) Handle(_ context.Context, r slog.Record) error { *k.to = r; return nil }

func Log() (r slog.Record) {
	slog.New(keep{slog.NewTextHandler(nil, nil), &r}).Info("kept")
	return r
}

func main() {}
GO
go_file host/main.go <<'GO'
package main

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"goaudit/guest"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

//go:noinline
func call[T any](g *guest.Guest, name string) T {
	f, err := guest.Bind[func() T](g, name)
	check(err)
	return f.Get()()
}

func show(what string, pcs []uintptr) {
	fs := runtime.CallersFrames(pcs)
	for {
		f, more := fs.Next()
		if strings.HasPrefix(f.Function, "main.") || strings.HasPrefix(f.Function, "gone") {
			name := runtime.FuncForPC(f.PC).Name()
			if name == f.Function {
				name = "the same"
			}
			fmt.Println(what, f.Function, f.Line != 0, name)
		}
		if !more || f.Function == "main.main" {
			return
		}
	}
}

func main() {
	var kept [][]uintptr
	var records []slog.Record
	places := map[uintptr]bool{}
	put("guest.A")
	g, err := guest.Open("guest.so")
	check(err)
	for i, v := range "ABCDEF" {
		if i > 0 {
			put("guest." + string(v))
			check(g.Reload())
			for guest.Reclaim(time.Minute) != 0 {
			}
		}
		kept = append(kept, call[[]uintptr](g, "Where"))
		records = append(records, call[slog.Record](g, "Log"))
		places[kept[i][0]] = true
	}
	fmt.Println(len(places), "addresses")
	for i, pcs := range kept {
		show(fmt.Sprint("build ", i+1), pcs)
		fmt.Println("slog", records[i].Source().Function, records[i].Source().Line != 0)
	}
}
GO
imports_guest_package host
cp "$HOSTS/put.go" src/host/
build_guest guest.A one
for v in B C D E F; do variant guest.A guest.$v InA "In$v"; done
(cd src/host && "$GOAUDIT_BUILD/goaudit" build -exe -o "$TEST_DIR/host" .) || fail "host: does not build"
{
	echo "6 addresses"
	for n in 1 2 3 4 5; do
		for _ in WhereIn Where; do echo "build $n gone (guest.so generation $n) false the same"; done
		echo "slog gone (guest.so generation $n) false"
	done
	echo "build 6 main.WhereInF true the same"
	echo "build 6 main.Where true the same"
	echo "slog main.Log true"
} >want.txt
expect_output run_audited ./host <want.txt

# The control: where the address space is limited others have the addresses, and answer.
(ulimit -v 100000000 && run_audited ./host) >limited.txt || fail "limited: $(cat limited.txt)"
grep '^build 1' limited.txt | grep -vq 'generation 1)' || fail "the control: $(cat limited.txt)"
