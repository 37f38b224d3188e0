#!/bin/bash
# Of 280 guests that are called, and all replaced at once, those are held that a call is
# under way in, and no others: each generation's calls are counted apart.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cc_so v$v.so <<C
#include <unistd.h>
int version(void) { return $v; }
int wait_inside(int in, int out)
{
	char c;
	return write(out, "i", 1) == 1 && read(in, &c, 1) == 1 ? $v : -1;
}
C
done
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>

#define GUESTS 280
static void *handle[GUESTS];
static const int called[] = { 3, 251, 262, 279 };
static int in[4][2], out[4][2];

static char *name(int i)
{
	static char text[32];

	snprintf(text, sizeof text, "./g%d.so", i);
	return text;
}

static void *thread(void *arg)
{
	int i = (int)(long)arg;
	int (*f)(int, int) = (int (*)(int, int))find(handle[called[i]], "wait_inside");

	CHECK(f(in[i][0], out[i][1]) == 1);
	return NULL;
}

/* The guests of all generations that are retired, and what holds them. */
static void held(const char *title)
{
	static struct goaudit_generation all[4 * GUESTS];
	size_t n = goaudit_generations(all, 4 * GUESTS, sizeof *all);

	printf("%s:", title);
	for (size_t i = 0; i < n; i++)
		if (all[i].state == GOAUDIT_RETIRED)
			printf(" %s (%s)", strrchr(all[i].path, '/') + 1, all[i].holder_text);
	puts("");
}

int main(void)
{
	pthread_t t[4];
	char c;
	int maps;

	for (int i = 0; i < GUESTS; i++) {
		overwrite("v1.so", name(i));
		handle[i] = open_guest(name(i));
		CHECK(call(handle[i], "version") == 1);
	}
	for (long i = 0; i < 4; i++) {
		CHECK(pipe(in[i]) == 0 && pipe(out[i]) == 0);
		CHECK(pthread_create(&t[i], NULL, thread, (void *)i) == 0);
		CHECK(read(out[i][0], &c, 1) == 1);
	}
	maps = maps_with("/g5.so");
	for (int i = 0; i < GUESTS; i++) {
		close_guest(handle[i]);
		replace("v2.so", name(i));
		handle[i] = open_guest(name(i));
		CHECK(call(handle[i], "version") == 2);
	}
	CHECK(maps_with("/g5.so") == maps && maps_with("/g251.so") == 2 * maps);
	held("called");
	for (int i = 0; i < 4; i++) {
		CHECK(write(in[i][1], "o", 1) == 1 && pthread_join(t[i], NULL) == 0);
	}
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	CHECK(maps_with("/g251.so") == maps);
	return 0;
}
C
busy="a call of the host is under way"
expect_output run_audited ./host <<E
called: g3.so ($busy) g251.so ($busy) g262.so ($busy) g279.so ($busy)
E
expect_no_snapshots
