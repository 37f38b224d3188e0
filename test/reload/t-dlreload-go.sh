#!/bin/bash
# dlreload of an open Go guest: the new generation starts anew, the other
# opener's handle goes on with the old one, and four threads that reload the same
# guest at once end up with the same object.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file live/main.go <<'GO'
package main

import "C"

import "fmt"

var generation = "generation 1"

var calls int

//export Test
func Test() *C.char { calls++; return C.CString(fmt.Sprint(generation, " call ", calls)) }

//export Number
func Number() C.int { return C.int(generation[len(generation)-1] - '0') }

func main() {}
GO
build_guest live.1 live
for n in 2 3 4 5 6 7 8 9; do variant live.1 live.$n "generation 1" "generation $n"; done
cc_host host -pthread <<'C'
#define TEST_RAW
#include "gohost.h"
#include <pthread.h>
static pthread_barrier_t barrier;
static void *handle[4];

static void *reloader(void *arg)
{
	void **h = arg;

	for (int n = 2; n <= 9; n++) {
		char name[32];

		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
			snprintf(name, sizeof name, "live.%d", n);
			replace(name, "shared.so");
		}
		pthread_barrier_wait(&barrier);
		*h = dlreload(*h);
		if (!*h)
			printf("dlreload: %s\n", dlerror());
		if (*h && call(*h, "Number") != n)
			printf("reload number %d returned generation %d, number %u\n", n,
			       call(*h, "Number"), generation_of(*h).number);
		CHECK(*h && call(*h, "Number") == n);
	}
	return NULL;
}

int main(void)
{
	void *a, *b, *c, *(*reload)(void *);
	pthread_t t[4];

	setvbuf(stdout, NULL, _IONBF, 0);
	reload = (void *(*)(void *))dlsym(RTLD_DEFAULT, "dlreload");
	CHECK(reload != NULL);
	replace("live.1", "live.so");
	a = open_guest("./live.so");
	b = open_guest("./live.so");
	CHECK(a == b);
	print_text(a, "Test");
	CHECK(reload(a) == a);		/* unchanged */
	print_text(a, "Test");
	replace("live.2", "live.so");
	c = reload(a);
	CHECK(c && c != b);
	print_text(c, "Test");
	print_text(b, "Test");		/* the other opener's */
	CHECK(generation_of(b).state == GOAUDIT_SUPERSEDED && generation_of(b).references == 1);
	CHECK(goaudit_reclaim(NULL, 10000) == 0);	/* none is retired */
	CHECK(open_guest("./live.so") == c);
	close_guest(c);
	print_text(b, "Test");
	CHECK(reload(b) == c);		/* moves over */
	CHECK(generation_of(c).references == 2);
	reclaim_all();
	check_gone("live.so", 1);
	runtime_now(20);
	close_guest(c);
	print_text(c, "Test");
	/* Closing the last reference of a superseded one. */
	CHECK(open_guest("./live.so") == c);
	replace("live.3", "live.so");
	a = reload(c);
	print_text(a, "Test");
	print_text(c, "Test");
	close_guest(c);
	reclaim_all();
	check_gone("live.so", 2);
	CHECK(reload(c) == NULL);
	printf("%s\n", strstr(dlerror(), "not an open handle"));
	/* And back to the file that it once was: a new generation all the same. */
	replace("live.1", "live.so");
	a = reload(a);
	print_text(a, "Test");
	printf("generation number %u\n", generation_of(a).number);
	CHECK(unlink("live.so") == 0 && reload(a) == NULL);
	printf("%s\n", strstr(dlerror(), "live.so"));
	print_text(a, "Test");
	close_guest(a);

	replace("live.1", "shared.so");
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 4; i++) {
		handle[i] = open_guest("./shared.so");
		pthread_create(&t[i], NULL, reloader, &handle[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 1; i < 4; i++)
		CHECK(handle[i] == handle[0]);
	CHECK(generation_of(handle[0]).references == 4 && generation_of(handle[0]).number == 9);
	reclaim_all();
	for (int n = 1; n <= 8; n++)
		check_gone("shared.so", n);
	runtime_now(20);
	print_text(handle[0], "Test");
	return 0;
}
C
expect_output run_audited ./host <<'E'
generation 1 call 1
generation 1 call 2
generation 2 call 1
generation 1 call 3
generation 1 call 4
generation 2 call 2
generation 3 call 1
generation 2 call 3
not an open handle of a reloadable object: open it with RTLD_RELOADABLE first
generation 1 call 1
generation number 4
live.so: cannot be read: No such file or directory: the old generation goes on
generation 1 call 2
generation 9 call 1
E
