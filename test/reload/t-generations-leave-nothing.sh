#!/bin/bash
# 200 generations of a guest, by closing and opening and by dlreload, leave the
# map list, the open files, the snapshot folder and the memory as they were (once
# the history of 256 generations, which goaudit_generations shows, is full).
. "$(dirname "$0")/../lib.sh"

for i in 1 2; do
	cc_so v$i.so <<C
#include <stdlib.h>
static char big[100000] = { $i };
static __thread int local = $i;
static char *heap;
int value(void) { big[500]++; return big[0] * 10 + local; }
__attribute__((constructor)) static void start(void) { heap = malloc(1000); }
__attribute__((destructor)) static void end(void) { free(heap); }
C
done
cp v1.so guest.so
cc_host host <<'C'
#include "host.h"

static const char *const versions[] = { "v1.so", "v2.so" };

static void by_reopening(int i)
{
	void *h;

	replace(versions[i % 2], "guest.so");
	h = open_guest("./guest.so");
	CHECK(call(h, "value") == 11 * (i % 2 + 1));
	close_guest(h);
}

static void by_reloading(int i)
{
	static void *h;
	void *next;

	if (!h)
		h = open_guest("./other.so");
	replace(versions[i % 2], "other.so");
	next = dlreload(h);
	if (!next)
		printf("dlreload: %s\n", dlerror());
	CHECK(next);
	h = next;
	CHECK(call(h, "value") == 11 * (i % 2 + 1));
}

static void run(const char *title, void (*step)(int))
{
	int i = 1, maps, files, snapshots;
	long rss;

	for (; i <= 300; i++)
		step(i);
	maps = maps_with("");
	files = open_files();
	snapshots = snapshot_files();
	rss = rss_kb();
	for (; i <= 500; i++)
		step(i);
	printf("%s: maps %+d, files %+d, snapshots %+d\n", title,
	       maps_with("") - maps, open_files() - files,
	       snapshot_files() - snapshots);
	if (rss_kb() - rss > 400)
		printf("  memory: %ld kB, then %ld kB\n", rss, rss_kb());
}

int main(void)
{
	replace("v1.so", "other.so");
	run("reopening", by_reopening);
	run("reloading", by_reloading);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
reopening: maps +0, files +0, snapshots +0
reloading: maps +0, files +0, snapshots +0
E
expect_no_snapshots
