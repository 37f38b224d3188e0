#!/bin/bash
# unique.Make with a guest's own type: each generation's handles are its own.  The
# maps that package unique keeps and the cleanups that it attaches to the values
# are code of the guest: they go with a closed generation, where the proof is made.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
case $(go env GOVERSION) in go1.2[2-5]*) skip "the proof wants Go 1.26 or later" ;; esac

go_file unique/go.mod <<'E'
module example.com/unique

go 1.23
E
go_file unique/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"unique"
)

const generation = "generation 1"

type token struct{ name string }

var kept = unique.Make(token{generation})

//export Test
func Test() *C.char {
	u := unique.Make(token{"u"})
	return C.CString(fmt.Sprint(kept.Value(), kept == unique.Make(token{generation}), u == unique.Make(token{"u"}), u.Value()))
}

func main() {}
GO
build_guest unique.so unique
mv unique.so unique.1
variant unique.1 unique.2 "generation 1" "generation 2"
cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	void *h, *old;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("unique.1", "guest.so");
	old = h = open_guest("./guest.so");
	print_text(h, "Test");
	replace("unique.2", "guest.so");
	h = dlreload(h);
	print_text(h, "Test");
	/* The cleanup of a value that is garbage already runs first. */
	while (goaudit_reclaim(old, 1000) != 0)
		;
	check_gone("guest.so", 1);
	runtime_now(20);
	print_text(h, "Test");
	close_guest(h);
	return 0;
}
C
expect_output run_audited ./host <<'E'
{generation 1} true true {u}
{generation 2} true true {u}
{generation 2} true true {u}
E
