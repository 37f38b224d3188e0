#!/bin/bash
# The guest's file is overwritten in place, cut to nothing and deleted while four
# threads call it: the calls go on.  Opened then, it is what it always was; a new
# file in its place is the next generation.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file called/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"runtime/debug"
	"strings"
)

var generation = "generation 1"

//export Number
func Number() C.int {
	s := fmt.Sprintf("%s %v", generation, strings.Fields(string(debug.Stack()))[0])
	if !strings.HasSuffix(s, " goroutine") {
		return -1
	}
	return C.int(generation[len(generation)-1] - '0')
}

func main() {}
GO
build_guest called.1 called
variant called.1 called.2 "generation 1" "generation 2"
cc_host host -pthread <<'C'
#define TEST_RAW
#include "gohost.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool stop;
static atomic_long calls;
static void *guest;

static void *caller(void *arg)
{
	while (!stop) {
		CHECK(call(guest, "Number") == 1);
		calls++;
	}
	return arg;
}

/* So many calls later. */
static void go_on(long n)
{
	for (long end = calls + n; calls < end;)
		sched_yield();
}

int main(void)
{
	pthread_t t[4];
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("called.1", "called.so");
	guest = open_guest("./called.so");
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, caller, NULL);
	go_on(1000);
	for (int i = 0; i < 20; i++) {
		overwrite("called.2", "called.so");
		go_on(100);
		overwrite("called.1", "called.so");
		CHECK(truncate("called.so", 5000) == 0);
		go_on(100);
		CHECK(truncate("called.so", 0) == 0);
		go_on(100);
		CHECK(dlreload(guest) == NULL);
		if (i == 0)
			printf("%s\n", strstr(dlerror(), "called.so"));
	}
	CHECK(unlink("called.so") == 0);
	go_on(1000);
	h = open_guest("./called.so");	/* by its name, as with glibc */
	CHECK(h == guest);
	close_guest(h);
	runtime_now(5);
	go_on(1000);
	replace("called.2", "called.so");
	h = open_guest("./called.so");
	CHECK(h == guest);		/* open: it is what it is */
	h = dlreload(h);
	CHECK(h && h != guest);
	printf("the new one: %d\n", call(h, "Number"));
	go_on(1000);
	stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	close_guest(guest);
	reclaim_all();
	check_gone("called.so", 1);
	printf("the new one: %d\n", call(h, "Number"));
	return 0;
}
C
expect_output run_audited ./host <<'E'
called.so: the file is empty: build it again
the new one: 2
the new one: 2
E
