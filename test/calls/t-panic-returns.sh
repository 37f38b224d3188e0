#!/bin/bash
# RTLD_PANIC_RETURN, or GOAUDIT_PANIC=return: a panic that nothing recovers from
# ends the call, with zero results; its text and Go stack are there for the thread
# that called; the guest goes on, and can be unloaded.  Without it Go's own
# behaviour stays.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file panicking/main.go <<'GO'
package main

// typedef long callback(long);
// static long call_back(callback *f, long n) { return f(n); }
import "C"

import (
	"fmt"
	"runtime"
)

const generation = 1

type odd struct{ n C.long }

func (o odd) Error() string { return fmt.Sprint("odd ", o.n) }

var deferred int

//export Half
func Half(n C.long) (half C.long) {
	defer func() { deferred++ }()
	half = 7
	check(n)
	return n / 2
}

func check(n C.long) {
	switch {
	case n == 99:
		runtime.Goexit()
	case n < 0:
		var none []int
		none[n+1000] = 1
	case n%2 != 0:
		panic(odd{n})
	}
}

//export Outer
func Outer(f *C.callback, n C.long) C.long { return 1 + C.call_back(f, n) }

//export Deferred
func Deferred() C.long { return C.long(deferred*10 + generation) }

func main() {}
GO
build_guests panicking
variant panicking.so v2.so "odd " "ODD "
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>

typedef long half_fn(long);

static void first_lines(const char *what)
{
	char text[20000];
	size_t n = goaudit_last_panic(text, sizeof text);
	char *stack = strstr(text, "\n\n");

	CHECK(n == strlen(text));
	if (!n) {
		printf("%s: no panic\n", what);
		return;
	}
	*stack = 0;
	printf("%s: %s | goroutine: %d, in check: %d, file: %d\n", what, text,
	       strncmp(stack + 2, "goroutine ", 10) == 0,
	       strstr(stack + 2, "check(") != NULL,
	       strstr(stack + 2, "main.go:") != NULL);
}

static void *other(void *half)
{
	first_lines("other thread");
	CHECK(((half_fn *)half)(3) == 0);
	first_lines("other thread");
	return NULL;
}

int main(int argc, char **argv)
{
	int flag = argc > 1 ? RTLD_PANIC_RETURN : 0;
	void *h = open_mode("./panicking.so", FLAGS | flag);
	half_fn *half = (half_fn *)find(h, "Half");
	long (*outer)(half_fn *, long) = (long (*)(half_fn *, long))find(h, "Outer");
	char small[8];
	pthread_t t;

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("%ld\n", half(10));
	first_lines("none yet");
	printf("%ld\n", half(5));
	first_lines("odd");
	CHECK(goaudit_last_panic(small, sizeof small) > 8 && strcmp(small, "panic: ") == 0);
	CHECK(goaudit_last_panic(NULL, 0) > 8);
	printf("%ld\n", half(-3));
	first_lines("index");
	printf("%ld\n", half(99));
	first_lines("goexit");
	printf("%ld %ld\n", outer(half, 7), outer(half, 8));
	first_lines("inner");
	CHECK(pthread_create(&t, NULL, other, half) == 0);
	pthread_join(t, NULL);
	first_lines("inner still");
	for (int i = 0; i < 2000; i++)
		CHECK(half(1) == 0);
	printf("%ld\n", ((long (*)(void))find(h, "Deferred"))());
	replace("v2.so", "panicking.so");
	CHECK(dlreload(h) == h);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	CHECK(half(5) == 0);
	first_lines("reloaded");
	close_guest(h);
	return 0;
}
C
cat >expected <<'E'
5
none yet: no panic
0
odd: panic: odd 5 | goroutine: 1, in check: 1, file: 1
0
index: panic: runtime error: index out of range [997] with length 0 | goroutine: 1, in check: 1, file: 1
0
goexit: goexit | goroutine: 1, in check: 1, file: 1
1 5
inner: panic: odd 7 | goroutine: 1, in check: 1, file: 1
other thread: no panic
other thread: panic: odd 3 | goroutine: 1, in check: 1, file: 1
inner still: panic: odd 7 | goroutine: 1, in check: 1, file: 1
20071
reloaded: panic: ODD 5 | goroutine: 1, in check: 1, file: 1
E
cp panicking.so v1.so
expect_output run_audited ./host flag <expected
cp v1.so panicking.so
# shellcheck disable=SC2209	# a word, not a command
GOAUDIT_PANIC=return expect_output run_audited ./host <expected
expect_no_snapshots
cp v1.so panicking.so
status=0
run_audited ./host >control.txt 2>&1 || status=$?
[ $status = 134 ] || fail "without the option: status $status"	# abort(3), as in any library mode
grep -q '^panic: odd 5' control.txt || fail "without the option: $(cat control.txt)"
