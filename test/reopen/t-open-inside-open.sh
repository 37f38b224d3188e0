#!/bin/bash
# Guests opened while something else is being opened: by a package init of
# another guest, by the constructor of a plain C library and of a reloadable one,
# also as the very first, and by two threads at once.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file inner/main.go <<'GO'
package main

import "C"

import "fmt"

const generation = "generation 1"

var calls int

func init() { fmt.Println("init of inner", generation) }

//export Test
func Test() *C.char { calls++; return C.CString(fmt.Sprint("inner ", generation, " call ", calls)) }

func main() {}
GO
go_file outer/main.go <<'GO'
package main

// #include <dlfcn.h>
// #include <stdlib.h>
// #define RTLD_RELOADABLE 0x00100000
// static void *handle;
// static const char *open_inner(void)
// {
//	handle = dlopen("./inner.so", RTLD_NOW | RTLD_RELOADABLE);
//	return handle ? "opened" : dlerror();
// }
// static char *call_inner(void) { return ((char *(*)(void))dlsym(handle, "Test"))(); }
// static int close_inner(void) { return dlclose(handle); }
import "C"

import (
	"fmt"
	"unsafe"
)

const name = "outer 1"

var opened string

func init() {
	fmt.Println("init of", name)
	opened = C.GoString(C.open_inner())
	fmt.Println("end of init of", name)
}

//export Test
func Test() *C.char {
	s := C.call_inner()
	defer C.free(unsafe.Pointer(s))
	return C.CString(fmt.Sprint(name, ": ", opened, ": ", C.GoString(s)))
}

//export Close
func Close() C.int { return C.close_inner() }

func main() {}
GO
build_guests inner outer
mv inner.so inner.1
variant inner.1 inner.2 "generation 1" "generation 2"
mv outer.so outer.1
variant outer.1 outer.2 "outer 1" "outer 2"
cc_so plain.so <<'C'
#include "gohost.h"
static void *handle;
__attribute__((constructor)) static void start(void)
{
	puts("constructor");
	handle = open_guest("./inner.so");
	print_text(handle, "Test");
	puts("end of constructor");
}
char *Test(void) { return ((char *(*)(void))find(handle, "Test"))(); }
C
cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>

static pthread_barrier_t barrier;

static void *opener(void *path)
{
	pthread_barrier_wait(&barrier);
	return open_guest(path);
}

static void by_init(void)
{
	void *h = open_guest("./outer.so");

	print_text(h, "Test");
	print_text(open_guest("./inner.so"), "Test");
	/* The inner one changes; the outer one has its handle still. */
	replace("inner.2", "inner.so");
	CHECK(dlreload(open_guest("./inner.so")) != NULL);
	print_text(h, "Test");
	CHECK(call(h, "Close") == 0);
	close_guest(h);
	replace("outer.2", "outer.so");
	h = open_guest("./outer.so");
	print_text(h, "Test");
	runtime_now(20);
	print_text(h, "Test");
}

static void by_constructor(int mode)
{
	void *h = open_mode("./plain.so", mode);

	print_text(h, "Test");
	replace("inner.2", "inner.so");
	print_text(dlreload(open_guest("./inner.so")), "Test");
}

static void at_once(void)
{
	pthread_t a, b;
	void *ha, *hb;

	pthread_barrier_init(&barrier, NULL, 2);
	replace("outer.2", "second.so");
	pthread_create(&a, NULL, opener, "./outer.so");
	pthread_create(&b, NULL, opener, "./second.so");
	pthread_join(a, &ha);
	pthread_join(b, &hb);
	print_text(ha, "Test");
	print_text(hb, "Test");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	replace("inner.1", "inner.so");
	replace("outer.1", "outer.so");
	if (strcmp(argv[1], "init") == 0)
		by_init();
	else if (strcmp(argv[1], "constructor") == 0)
		by_constructor(RTLD_NOW);
	else if (strcmp(argv[1], "reloadable") == 0)
		by_constructor(FLAGS);
	else
		at_once();
	return 0;
}
C
expect_output run_audited ./host init <<'E'
init of outer 1
init of inner generation 1
end of init of outer 1
outer 1: opened: inner generation 1 call 1
inner generation 1 call 2
init of inner generation 2
outer 1: opened: inner generation 2 call 1
init of outer 2
end of init of outer 2
outer 2: opened: inner generation 2 call 2
outer 2: opened: inner generation 2 call 3
E
for _ in 1 2 3 4 5 6 7 8 9 10; do
	run_audited ./host at-once >actual.txt 2>&1 || fail "at once: $(cat actual.txt)"
	[ "$(grep -c '^init of inner generation 1$' actual.txt)" = 1 ] || fail "at once: $(cat actual.txt)"
	[ "$(tail -n 2 actual.txt)" = "outer 1: opened: inner generation 1 call 1
outer 2: opened: inner generation 1 call 2" ] || fail "at once: $(cat actual.txt)"
done
for mode in constructor reloadable; do
	expect_output run_audited ./host $mode <<'E'
constructor
init of inner generation 1
inner generation 1 call 1
end of constructor
inner generation 1 call 2
init of inner generation 2
inner generation 2 call 1
E
done
