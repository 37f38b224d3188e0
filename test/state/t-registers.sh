#!/bin/bash
# Each register of std's in which a package can register a name: a new build takes all of
# its guest's over, and the old one is not held; a build that fails, after its inits or in
# one, has changed none; another guest with the same package takes them over too, and they
# come back when it goes; with the last one nothing is left. audit/go/overlay/REGISTERS
# names this test for each.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

for guest in own other; do
	first=one
	[ $guest = own ] || first=oth
	go_file $guest/main.go <<GO
package main

import "C"
import (
	"os"

	"example.com/$guest/own"
)

var build = "build:$first, $guest"

func init() {
	if _, err := os.Stat("no-$guest"); err == nil {
		return
	}
	own.Register(build[:9])
	switch build[6] {
	case 'x':
		panic("a bad build")
	case 'd':
		own.Register(build[:9]) // its own names: that is a mistake as ever
	}
}

//export Test
func Test() *C.char { return C.CString(own.Names()) }

//export goaudit_save
func goaudit_save(size *C.size_t, version *C.uint) *C.char { *size, *version = 1, 1; return C.CString("") }

//export goaudit_load
func goaudit_load(data *C.char, size C.size_t, version C.uint) C.int {
	if build[6] == 'y' {
		return 1
	}
	return 0
}

func main() {}
GO
	sed -i 's,^import "C",// #include <stddef.h>\nimport "C",' src/$guest/main.go
	mkdir -p src/$guest/own
	cp "$ROOT/test/state/registers/own.go" src/$guest/own/own.go
done
build_guests own other
for b in two xxx yyy dup; do variant own.so own-$b.so "build:one, own" "build:$b, own"; done
cc_host host <<'C'
#include "gohost.h"
static void *own, *other;

static void reload(const char *file)
{
	replace(file, "a.so");
	if (!dlreload(own))
		puts(strstr(dlerror(), "a.so: ") + 6);
	print_text(own, "Test");
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	replace("own.so", "a.so");
	own = open_guest("./a.so");
	print_text(own, "Test");
	reload("own-two.so");
	reclaim_all();
	check_gone("a.so", 1);
	reload("own-xxx.so");
	reload("own-yyy.so");
	reload("own-dup.so");
	replace("other.so", "b.so");
	other = dlopen("./b.so", RTLD_NOW);	/* goes at its last close */
	CHECK(other);
	print_text(other, "Test");
	close_guest(other);
	reclaim_all();
	print_text(own, "Test");
	reload("own.so");
	other = dlopen("./b.so", RTLD_NOW);
	close_guest(own);
	CHECK(symlink(".", "no-own") == 0);
	replace("own-two.so", "a.so");
	own = open_guest("./a.so");		/* registers nothing */
	reclaim_all();
	print_text(other, "Test");
	close_guest(other);
	reclaim_all();
	print_text(own, "Test");
	for (unsigned n = 1; n <= 6; n++)
		check_gone("a.so", n);
	check_gone("b.so", 1);
	check_gone("b.so", 2);
	runtime_now(20);
	return 0;
}
C
export GODEBUG=x509usefallbackroots=1
expect_output run_audited ./host <<'E'
build:one: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
build:two: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
its package init panicked: a bad build (main.go:20): mend the guest and build it again
build:two: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
the new build does not take the state over (goaudit_load returned 1, of version 1, 1 bytes): have it accept that version
build:two: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
its package init panicked: sql: Register called twice for driver own (own.go:66): mend the guest and build it again
build:two: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
build:oth: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
build:two: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
build:one: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
build:oth: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
none: sql mux mux image x509 pprof zip unzip transport rpc mime mime crypto flag gob expvar
E
expect_no_snapshots
