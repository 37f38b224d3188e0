/* What the proof costs beside one runtime.GC() of the same run:
 *
 *	proof HEAP.so GUEST.so MB [PAGES]
 *
 * With a live heap of so many megabytes, of which so many random pages are written to
 * in each millisecond, GUEST.so is opened and closed some times.  What each proof
 * has taken is in the module's log. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "goaudit.h"
#include "measure.h"

#define ROUNDS 10

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "proof: %s\n", dlerror());
		exit(1);
	}
	return p;
}

static struct goaudit_runtime collect(int n)
{
	struct goaudit_runtime rt;

	if (goaudit_runtime_stats(&rt, sizeof rt, n) != 0)
		exit(1);
	return rt;
}

int main(int argc, char **argv)
{
	void *heap = must(dlopen(argv[1], RTLD_NOW));
	void (*fill)(long) = (void (*)(long))must(dlsym(heap, "Fill"));
	void (*write_)(long) = (void (*)(long))must(dlsym(heap, "Write"));
	long (*calm)(void) = (long (*)(void))must(dlsym(heap, "Calm"));
	long pages = argc > 4 ? atol(argv[4]) : 0, kept = 0, alone = 0, held = 0;
	double best = 1e15, begin, took;
	struct goaudit_runtime rt;

	if (atol(argv[3]))
		fill(atol(argv[3]));
	rt = collect(2);
	for (int i = 0; i < 3; i++) {
		begin = ns();
		collect(1);
		took = ns() - begin;
		best = took < best ? took : best;
	}
	printf("live %lu MB\nobjects %lu n\ngc %.3f ms\n", rt.heap_live >> 20, rt.heap_objects,
	       best / 1e6);
	if (pages) {
		write_(pages);
		usleep(500000);
		alone = calm();
		write_(pages);
	}
	for (int i = 0; i < ROUNDS; i++) {
		dlclose(must(dlopen(argv[2], RTLD_NOW)));
		held += goaudit_reclaim(NULL, 60000) != 0;
	}
	if (pages) {
		kept = calm();
		printf("held %ld of_10\nwriter_alone %.3f ms\nwriter %.3f ms\n", held,
		       alone / 1e6, kept / 1e6);
	}
	return 0;
}
