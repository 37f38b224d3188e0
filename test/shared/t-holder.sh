#!/bin/bash
# A value of a guest's in a shared package's variable holds its generation, which has that
# variable's name for a holder; when it is taken out the generation goes.  A value of a
# function of the package's own, or of std's, holds nothing, wherever it was made.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/shared/shared.sh"
case $(go env GOVERSION) in go1.2[2-5]*) skip "Go 1.26 and later know what holds a guest" ;; esac

go_file lib/conf/conf.go <<'GO'
package conf

import "strings"

type Conf struct{ Encode, Trim func(string) string }

var Used []Conf

//go:noinline
func Upper(s string) string { return strings.ToUpper(s) }

// A guest's compiler inlines it, and so has values of Upper and TrimSpace of its own.
func Default() Conf { return Conf{Upper, strings.TrimSpace} }
GO
needs one lib
go_file one/main.go <<'GO'
package main

import "C"

import (
	"example.com/lib/conf"
	"example.com/lib/reg"
)

const generation = "generation 1"

type thing struct{ n int }

func (thing) Name() string { return generation }

//export Hold
func Hold() { reg.All["held"] = &thing{len(generation)} }

//export LetGo
func LetGo() { delete(reg.All, "held") }

//export Use
func Use() *C.char {
	conf.Used = append(conf.Used, conf.Default())
	return C.CString(conf.Used[0].Encode(conf.Used[0].Trim(" " + generation + " ")))
}

func main() {}
GO
build_guest one.1 one -share deps
variant one.1 one.2 "generation 1" "generation 2"
cc_host host <<'C'
#include "gohost.h"

int main(void)
{
	struct goaudit_generation held;
	void *h;

	replace("one.1", "./one.so");
	h = open_guest("./one.so");
	print_text(h, "Use");
	call(h, "Hold");
	replace("one.2", "./one.so");
	CHECK(dlreload(h) == h);
	CHECK(goaudit_reclaim(NULL, 1000) == 1);
	held = record_of("./one.so", 1);
	printf("%.*s%s\n", (int)strcspn(held.holders, " <"), held.holders,
	       strrchr(held.holders, '<') - 1);
	call(h, "LetGo");
	reclaim_all();
	check_gone("./one.so", 1);
	puts("gone");
	print_text(h, "Use");
	return 0;
}
C
expect_output run_audited ./host <<'E2'
GENERATION 1
type <- example.com/lib/reg.All
gone
GENERATION 2
E2
expect_no_snapshots
