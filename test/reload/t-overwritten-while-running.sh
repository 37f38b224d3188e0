#!/bin/bash
# The original file of an open guest is written over in place, again and again,
# with another build, rubbish and nothing at all, while another thread runs the
# guest's code.  The control: without a snapshot that is the end of a process.
. "$(dirname "$0")/../lib.sh"

# Large enough that its code is not all in the page cache's one piece.
source_of() { # GENERATION
	cat <<C
int n;
$(for i in $(seq 200); do echo "int f$i(int x) { n += x; return x * $i + $1 + n; }"; done)
static int (*volatile all[])(int) = {
$(for i in $(seq 200); do echo "f$i,"; done)
};
int value(void)
{
	int sum = 0;
	for (int i = 0; i < 200; i++)
		sum += all[i](i);
	n = 0;
	return sum;
}
C
}
source_of 1 | cc_so v1.so
source_of 2 | cc_so v2.so
head -c 40000 /dev/urandom >rubbish
: >empty
cat >host.c <<'C'
#include "host.h"
#include <pthread.h>
#include <time.h>

static int (*value)(void);
static int stop;

static void *caller(void *arg)
{
	long calls = 0;
	int first = value();

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CHECK(value() == first);
		calls++;
	}
	*(long *)arg = calls;
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(void)
{
	static const char *const others[] = { "v2.so", "rubbish", "empty", "v1.so" };
	double end;
	pthread_t t;
	long calls;
	void *h;

	overwrite("v1.so", "guest.so");
	h = open_mode("./guest.so", MODE);
	value = (int (*)(void))find(h, "value");
	pthread_create(&t, NULL, caller, &calls);
	end = now() + 1;
	for (int i = 0; now() < end; i++)
		overwrite(others[i % 4], "guest.so");
	overwrite("v1.so", "guest.so");
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CHECK(calls > 1000);
	puts("it ran");
	CHECK(dlclose(h) == 0);
	return 0;
}
C
cc_host host -pthread -DMODE=FLAGS <host.c
cc_host control -pthread -DMODE=RTLD_NOW <host.c
expect_refused ./host
expect_output run_audited ./host <<<'it ran'
expect_no_snapshots
status=0
(ulimit -c 0; run_audited ./control) >/dev/null 2>&1 || status=$?
case $status in
$((128 + 4)) | $((128 + 5)) | $((128 + 7)) | $((128 + 8)) | $((128 + 11)) | 1) ;;
*) fail "the control ended with status $status" ;;
esac
