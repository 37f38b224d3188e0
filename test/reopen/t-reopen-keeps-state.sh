#!/bin/bash
# Closed and opened again, an unchanged guest is the very same object: handle,
# addresses, data, thread-local data of every thread, one construction.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<'C'
#include <stdio.h>
static int data = 7, zero;
static __thread int local = 100;
int bump(void) { return ++data * 100 + ++zero; }
int bump_local(void) { return ++local; }
__attribute__((constructor)) static void start(void) { puts("constructor"); }
__attribute__((destructor)) static void end(void) { puts("destructor"); }
C
cc_host host -pthread <<'C'
#define TEST_RAW
#include "host.h"
#include <pthread.h>
#include <semaphore.h>

static void *handle;
static sem_t first, second;

static void *thread(void *arg)
{
	CHECK(call(handle, "bump_local") == 101);
	CHECK(call(handle, "bump_local") == 102);
	sem_post(&first);
	sem_wait(&second);
	printf("other thread's local: %d\n", call(handle, "bump_local"));
	return arg;
}

int main(void)
{
	struct goaudit_generation gen;
	int (*bump)(void), (*bump_local)(void);
	pthread_t t;
	void *h;
	int files, maps;

	setvbuf(stdout, NULL, _IONBF, 0);
	h = handle = open_guest("./guest.so");
	bump = (int (*)(void))find(h, "bump");
	bump_local = (int (*)(void))find(h, "bump_local");
	printf("%d %d\n", bump(), bump_local());
	sem_init(&first, 0, 0);
	sem_init(&second, 0, 0);
	pthread_create(&t, NULL, thread, NULL);
	sem_wait(&first);

	files = open_files();
	maps = maps_with("");
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	CHECK(open_guest("./guest.so") == h);
	CHECK(generation_of(h).state == GOAUDIT_OPEN);
	CHECK(find(h, "bump") == (void *)bump);
	printf("%d %d\n", bump(), bump_local());
	sem_post(&second);
	pthread_join(t, NULL);

	/* By another spelling of its name, and counted. */
	CHECK(open_guest("../../../../../../../../../..//proc/self/cwd/guest.so") == h);
	CHECK(generation_of(h).references == 2);
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_OPEN);
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	CHECK(generation_of(h).references == 0);
	for (int i = 0; i < 1000; i++) {
		CHECK(open_mode("./guest.so", RTLD_LAZY | RTLD_RELOADABLE) == h);
		CHECK(bump_local() == 103 + i);
		close_guest(h);
	}
	CHECK(open_guest("./guest.so") == h);
	printf("%d %d\n", bump(), bump_local());
	gen = generation_of(h);
	printf("guest %u, generation %u, references %u\n", gen.guest, gen.number,
	       gen.references);
	CHECK(strcmp(strrchr(gen.path, '/'), "/guest.so") == 0);
	CHECK(strcmp(strrchr(gen.snapshot, '/'), "/guest.so") == 0);
	CHECK(gen.lo <= (uintptr_t)bump && (uintptr_t)bump < gen.hi);
	CHECK(open_files() == files && maps_with("") <= maps + 2);
	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
constructor
801 101
902 102
other thread's local: 103
1003 1103
guest 0, generation 1, references 1
end of main
destructor
E
expect_no_snapshots

# The control: closed for good, the object starts anew.
cc_host plain <<'C'
#define TEST_RAW
#include "host.h"
int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < 2; i++) {
		void *h = open_mode("./guest.so", RTLD_NOW);
		printf("%d\n", call(h, "bump"));
		close_guest(h);
	}
	return 0;
}
C
expect_output run_audited ./plain <<'E'
constructor
801
destructor
constructor
801
destructor
E
