#!/bin/bash
# Guests whose constructors open each other, and themselves: they get what is
# being loaded, as from glibc, whether one thread starts it or two from both ends.
. "$(dirname "$0")/../lib.sh"

# Two that open each other, and themselves.
for pair in "ping pong" "pong ping"; do
	set -- $pair
	for v in 1 2; do
		cc_so $1-v$v.so <<C
#define TEST_RAW
#include "host.h"
static void *other, *self;
static int ready;
int $1_ready(void) { return ready; }
__attribute__((constructor)) static void start(void)
{
	other = open_guest("./$2.so");
	self = open_guest("./$1.so");
	CHECK(find(self, "$1_ready") == (void *)$1_ready);
	ready = $v;
}
C
	done
	cp $1-v1.so $1.so
done
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

int main(void)
{
	void *h, *pong;

	setvbuf(stdout, NULL, _IONBF, 0);
	h = open_guest("./ping.so");
	pong = open_guest("./pong.so");
	printf("ping %d, pong %d\n", call(h, "ping_ready"), call(pong, "pong_ready"));
	/* Its own, its other's and ours. */
	printf("references: %u %u\n", generation_of(h).references,
	       generation_of(pong).references);
	replace("ping-v2.so", "ping.so");
	h = dlreload(h);
	if (!h)
		puts(dlerror());
	printf("ping %d, pong %d\n", call(h, "ping_ready"), call(pong, "pong_ready"));
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
ping 1, pong 1
references: 3 3
ping 2, pong 1
E

# Its own constructor opens and closes it, and cannot reload it.
cc_so self.so <<'C'
#define TEST_RAW
#include "host.h"
static char error[300];
const char *said(void) { return error; }
__attribute__((constructor)) static void start(void)
{
	void *h = open_guest("./self.so");

	CHECK(find(h, "said") == (void *)said);
	close_guest(h);
	CHECK(dlclose(h) == -1);
	h = open_guest("./self.so");
	CHECK(!dlreload(h));
	strcpy(error, strrchr(dlerror(), '/') + 1);
	close_guest(h);
}
C
cc_host alone <<'C'
#define TEST_RAW
#include "host.h"
int main(void)
{
	void *h = open_guest("./self.so");

	CHECK(generation_of(h).references == 1 && generation_of(h).number == 1);
	puts(((const char *(*)(void))find(h, "said"))());
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	CHECK(open_guest("./self.so") == h);
	CHECK(dlreload(h) == h);
	return 0;
}
C
expect_output run_audited ./alone <<'E'
self.so: its own constructor or package init cannot reload it: do so later
E

# Two threads, from both ends: neither waits for the other for ever.
cc_host crossing -pthread <<'C'
#define TEST_RAW
#include "host.h"
#include <pthread.h>

static pthread_barrier_t barrier;

static void *from(void *name)
{
	char file[32], function[32];

	snprintf(file, sizeof file, "./%s.so", (char *)name);
	snprintf(function, sizeof function, "%s_ready", (char *)name);
	for (int i = 0; i < 100; i++) {
		void *h;

		pthread_barrier_wait(&barrier);
		h = open_guest(file);
		CHECK(call(h, function) == 1 || call(h, function) == 2);
		pthread_barrier_wait(&barrier);
		close_guest(h);
	}
	return NULL;
}

int main(void)
{
	pthread_t a, b;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&a, NULL, from, "ping");
	pthread_create(&b, NULL, from, "pong");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	puts("done");
	return 0;
}
C
expect_output run_audited ./crossing <<<"done"
expect_no_snapshots
