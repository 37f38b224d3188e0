#!/bin/bash
# A panic, a runtime error or a Goexit in a package init is dlopen's or dlreload's
# failure, with its text, file and line; goaudit_last_panic and the log have the Go
# stack; the host lives, the old generation goes on with its state, and a good build
# opens later.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file panics/main.go <<'GO'
package main

import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

const generation = "good one"

type failure struct{ code int }

func (f *failure) Error() string { return fmt.Sprint("failure ", f.code) }

type value struct{ a, b int }

var (
	count int
	early = errors.New("an early error")
)

func deep(n int) {
	defer func() { count++ }()
	if n > 0 {
		deep(n - 1)
	}
	panic(&failure{42})
}

func init() {
	var none []int
	var nothing *value
	switch strings.TrimSpace(generation) {
	case "string":
		panic("a string")
	case "error":
		panic(early)
	case "wrapped":
		panic(fmt.Errorf("wrapped: %w", early))
	case "own":
		deep(10)
	case "index":
		none[len(generation)] = 1
	case "nil":
		nothing.a = 1
	case "value":
		panic(value{1, 2})
	case "number":
		panic(7)
	case "goexit":
		runtime.Goexit()
	case "again":
		defer func() { panic(fmt.Sprint("again after ", recover())) }()
		panic("first")
	case "process":
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			panic("recovered elsewhere")
		}()
		<-done
	}
}

//export Test
func Test() *C.char { count++; return C.CString(fmt.Sprint(generation, " ", count)) }

func main() {}
GO
build_guest good.1 panics
variant good.1 good.2 "good one" "good two"
kinds="string error wrapped own index nil value number goexit again"
for kind in $kinds process; do
	variant good.1 $kind.bad "good one" "$(printf %-8s $kind)"
done

cc_host host <<'C'
#include "gohost.h"
static char stack[20000];
static void say(const char *kind, const char *what)
{
	char *error = dlerror(), *name = error ? strrchr(error, '/') : NULL;

	printf("%s: %s: %s\n", kind, what, name ? name + 1 : error ? error : "(no text)");
	CHECK(dlerror() == NULL);
	/* In the package init, or in what it calls. */
	CHECK(goaudit_last_panic(stack, sizeof stack) > 0);
	CHECK(strncmp(stack, "package init: ", 14) == 0 && strstr(stack, "\nmain.init.0(") &&
	      strstr(stack, "/panics/main.go:"));
}
int main(int argc, char **argv)
{
	char bad[64];
	void *h, *next;

	setvbuf(stdout, NULL, _IONBF, 0);
	/* At dlopen, first of all, and again and again. */
	for (int i = 1; i < argc; i++) {
		snprintf(bad, sizeof bad, "%s.bad", argv[i]);
		replace(bad, "guest.so");
		CHECK(dlopen("./guest.so", FLAGS) == NULL);
		say(argv[i], "dlopen");
		CHECK(dlopen("./guest.so", FLAGS | RTLD_NOLOAD) == NULL && dlerror() == NULL);
	}
	replace("process.bad", "guest.so");	/* no failure: recovered */
	h = open_guest("./guest.so");
	print_text(h, "Test");
	close_guest(h);
	replace("good.1", "guest.so");
	h = open_guest("./guest.so");
	print_text(h, "Test");
	/* At dlreload: the handle stays as good as it was. */
	for (int i = 1; i < argc; i++) {
		snprintf(bad, sizeof bad, "%s.bad", argv[i]);
		replace(bad, "guest.so");
		CHECK(dlreload(h) == NULL);
		say(argv[i], "dlreload");
		CHECK(generation_of(h).state == GOAUDIT_OPEN && generation_of(h).references == 1);
		CHECK(dlsym(h, "Test") != NULL);
	}
	print_text(h, "Test");
	/* Parked, and then there is a bad one in its place: the parked one is
	 * what the path meant, and is not given out for another file. */
	close_guest(h);
	CHECK(dlopen("./guest.so", FLAGS) == NULL);
	say("parked", "dlopen");
	replace("good.1", "guest.so");
	next = open_guest("./guest.so");
	print_text(next, "Test");
	replace("good.2", "guest.so");
	next = dlreload(next);
	CHECK(next != NULL);
	print_text(next, "Test");
	reclaim_all();
	runtime_now(50);
	CHECK(runtime_now(0).modules == 2);
	print_text(next, "Test");
	CHECK(snapshot_files() == 1);
	return 0;
}
C
# Where it panics: the line of TEXT in the guest, and nothing of the runtime's.
at() { sed -n "/$1/{=;q}" src/panics/main.go; }
messages() { # WHAT
	sed "s/: /: $1: guest.so: its package init panicked: /; s/ (\([0-9]*\))\$/ (main.go:\1): mend the guest and build it again/" <<E
string: a string ($(at '"a string"'))
error: an early error ($(at 'panic(early)'))
wrapped: wrapped: an early error ($(at 'wrapped: %w'))
own: failure 42 ($(at '&failure{42}'))
index: runtime error: index out of range [8] with length 0 ($(at 'none\[len'))
nil: runtime error: invalid memory address or nil pointer dereference ($(at 'nothing\.a'))
value: panic of type main.value ($(at 'value{1'))
number: panic of type int ($(at 'panic(7)'))
goexit: goexit ($(at 'runtime\.Goexit'))
again: again after first ($(at 'again after'))
E
}
{
	messages dlopen
	echo "process  1"
	echo "good one 1"
	messages dlreload
	echo "good one 2"
	echo "parked: dlopen: guest.so: its package init panicked: again after first (main.go:$(at 'again after')): mend the guest and build it again"
	echo "good one 3"
	echo "good two 1"
	echo "good two 2"
} >panics.expected
export GOAUDIT_LOG=./log.txt
expect_output run_audited ./host $kinds <panics.expected
for kind in a\ string failure\ 42 goexit; do
	grep -q "guest.so: package init: $kind\$" log.txt || fail "the log: no $kind: $(cat log.txt)"
done
[ "$(grep -c 'Z:     main.init.0()$' log.txt)" -ge 21 ] || fail "the log: $(cat log.txt)"
grep -q "Z:     .*/panics/main.go:$(at '&failure{42}') +0x" log.txt || fail "the log: $(cat log.txt)"
