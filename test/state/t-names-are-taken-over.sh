#!/bin/bash
# A guest's package inits register names that may be registered once only: flags,
# gob types, expvar variables. A new generation takes them over; if its inits
# panic, the old one has them back. What stays after the last close is nothing.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file names/main.go <<'GO'
package main

import "C"

import (
	"encoding/gob"
	"expvar"
	"flag"
	"fmt"
)

var generation = "build:one"

type shape struct{ N int }

var (
	verbose = flag.Bool("names-verbose", false, "a guest's flag")
	count   = expvar.NewInt("names-count")
)

func init() {
	gob.Register(shape{})
	if generation[6] == 'x' {
		panic("a bad build")
	}
}

//export Test
func Test() *C.char {
	count.Add(1)
	f := flag.Lookup("names-verbose")
	return C.CString(fmt.Sprint(generation, " ", expvar.Get("names-count"), " ",
		f != nil && f.Value.String() == fmt.Sprint(*verbose)))
}

func main() {}
GO
build_guest one.so names
variant one.so two.so build:one build:two
variant one.so bad.so build:one build:xxx

cc_host host <<'C'
#include "gohost.h"
int main(void)
{
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("one.so", "guest.so");
	h = open_guest("./guest.so");
	print_text(h, "Test");
	replace("two.so", "guest.so");
	h = dlreload(h);
	if (!h)
		printf("dlreload: %s\n", dlerror());
	print_text(h, "Test");
	replace("bad.so", "guest.so");
	CHECK(dlreload(h) == NULL);
	printf("%s\n", strstr(dlerror(), "its package init"));
	print_text(h, "Test");
	close_guest(h);
	CHECK(dlopen("./guest.so", FLAGS) == NULL);
	printf("%s\n", strstr(dlerror(), "its package init"));
	replace("one.so", "guest.so");
	h = open_guest("./guest.so");
	print_text(h, "Test");
	close_guest(h);
	reclaim_all();
	for (unsigned n = 1; n <= 3; n++)
		check_gone("guest.so", n);
	runtime_now(20);
	return 0;
}
C
expect_output run_audited ./host <<'END'
build:one 1 true
build:two 1 true
its package init panicked: a bad build (main.go:24): mend the guest and build it again
build:two 2 true
its package init panicked: a bad build (main.go:24): mend the guest and build it again
build:one 1 true
END
