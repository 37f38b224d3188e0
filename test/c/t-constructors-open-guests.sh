#!/bin/bash
# Constructors and destructors - of guests and of plain libraries - open, close
# and reload guests; also each other's, and themselves.
. "$(dirname "$0")/../lib.sh"

cc_so leaf.so <<'C'
#include <stdio.h>
static int n;
int leaf(void) { return ++n; }
__attribute__((constructor)) static void start(void) { puts("leaf starts"); }
__attribute__((destructor)) static void end(void) { puts("leaf ends"); }
C
# A guest that holds the leaf while it lives.
for v in 1 2; do
	cc_so holder-v$v.so <<C
#include "host.h"
static void *leaf;
int held(void) { return $v * 100 + call(leaf, "leaf"); }
__attribute__((constructor)) static void start(void)
{
	puts("holder $v starts");
	leaf = open_guest("./leaf.so");
}
__attribute__((destructor)) static void end(void)
{
	close_guest(leaf);
	puts("holder $v ends");
}
C
done
# Two that open each other, and themselves.
for pair in "ping pong" "pong ping"; do
	set -- $pair
	for v in 1 2; do
		cc_so $1-v$v.so <<C
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
# Plain libraries.
cc_so plain.so <<'C'
#include "host.h"
static void *leaf, *holder;
__attribute__((constructor)) static void start(void)
{
	leaf = open_guest("./leaf.so");
	holder = open_guest("./holder.so");
	printf("plain starts: %d\n", call(holder, "held"));
}
__attribute__((destructor)) static void end(void)
{
	holder = dlreload(holder);
	CHECK(holder);
	close_guest(holder);
	close_guest(leaf);
	puts("plain ends");
}
C
cc_host host <<'C'
#include "host.h"

static unsigned state(const char *name)
{
	static struct goaudit_generation all[100];
	size_t n = goaudit_generations(all, 100, sizeof *all);

	while (n-- > 0)
		if (strcmp(strrchr(all[n].path, '/') + 1, name) == 0 &&
		    all[n].state != GOAUDIT_GONE)
			return all[n].state;
	return GOAUDIT_FREE;
}

int main(void)
{
	void *h, *leaf;

	setvbuf(stdout, NULL, _IONBF, 0);
	puts("-- a guest that opens a guest");
	replace("holder-v1.so", "holder.so");
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	close_guest(h);
	CHECK(state("holder.so") == GOAUDIT_PARKED && state("leaf.so") == GOAUDIT_OPEN);
	replace("holder-v2.so", "holder.so");
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	replace("holder-v1.so", "holder.so");
	h = dlreload(h);
	printf("%d\n", call(h, "held"));

	puts("-- a plain library");
	leaf = open_mode("./plain.so", RTLD_NOW);
	replace("holder-v2.so", "holder.so");
	close_guest(h);
	close_guest(leaf);
	CHECK(maps_with("/plain.so") == 0);
	CHECK(state("holder.so") == GOAUDIT_PARKED);
	CHECK(state("leaf.so") == GOAUDIT_OPEN);
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	close_guest(h);

	puts("-- each other");
	h = open_guest("./ping.so");
	printf("%d\n", call(h, "ping_ready"));
	replace("ping-v2.so", "ping.so");
	replace("pong-v2.so", "pong.so");
	h = dlreload(h);
	if (!h)
		puts(dlerror());
	printf("%d\n", call(h, "ping_ready"));
	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
-- a guest that opens a guest
holder 1 starts
leaf starts
101
holder 2 starts
holder 1 ends
202
holder 1 starts
103
-- a plain library
E

# Two threads, from both ends: neither waits for the other for ever.
cc_host crossing -pthread <<'C'
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
		snprintf(function, sizeof function, "%s-v%d.so", (char *)name,
			 i % 2 + 1);
		replace(function, file);
		snprintf(function, sizeof function, "%s_ready", (char *)name);
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
expect_output timeout 30 env LD_AUDIT="$AUDIT" ./crossing <<<done
expect_no_snapshots
