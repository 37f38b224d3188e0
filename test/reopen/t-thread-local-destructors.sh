#!/bin/bash
# Thread-local C++ objects of a guest that have destructors: they run once, when
# their thread ends, though the guest has been closed, reopened or replaced by
# then; until then its code stays, and at the first step thereafter it goes.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cxx_so v$v.so <<C
#include <cstdio>
static const char *volatile text = "thread-local of $v";
struct Object { int n = 0; ~Object() { printf("%s destroyed, %d\n", text, n); } };
static thread_local Object object;
extern "C" int value() { return ++object.n; }
__attribute__((destructor)) static void end() { puts("destructor $v"); }
C
done
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>

static pthread_barrier_t barrier;
static void *handle;

static void *thread(void *arg)
{
	CHECK(call(handle, "value") == 1);
	pthread_barrier_wait(&barrier);		/* it has used it */
	pthread_barrier_wait(&barrier);		/* it may end */
	return arg;
}

static void start(pthread_t *t)
{
	CHECK(pthread_create(t, NULL, thread, NULL) == 0);
	pthread_barrier_wait(&barrier);
}

static void end(pthread_t t)
{
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
}

int main(void)
{
	pthread_t t;

	setvbuf(stdout, NULL, _IONBF, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	replace("v1.so", "guest.so");
	handle = open_guest("./guest.so");
	start(&t);
	close_guest(handle);
	puts("-- it ends while the guest is parked");
	end(t);

	handle = open_guest("./guest.so");
	start(&t);
	close_guest(handle);
	puts("-- the guest is replaced");
	replace("v2.so", "guest.so");
	handle = open_guest("./guest.so");
	puts("-- and now it ends");
	end(t);
	CHECK(call(handle, "value") == 1);
	puts("-- the main thread's own, replaced");
	replace("v1.so", "guest.so");
	handle = dlreload(handle);
	CHECK(handle);
	CHECK(call(handle, "value") == 1);
	puts("-- end of main");
	return 0;
}
C
expect_output run_audited ./host <<'E'
-- it ends while the guest is parked
thread-local of 1 destroyed, 1
-- the guest is replaced
-- and now it ends
thread-local of 1 destroyed, 1
-- the main thread's own, replaced
destructor 1
-- end of main
thread-local of 1 destroyed, 1
thread-local of 2 destroyed, 1
destructor 1
destructor 2
E
expect_no_snapshots
