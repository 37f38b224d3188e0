/* What the proof costs.
 *
 *	cost MB [PAGES]	a live heap of so many megabytes, of which so many pages are
 *			written to in each millisecond meanwhile
 *
 * Opens and closes a guest ten times and prints what each proof has taken (from
 * the module's log), beside one runtime.GC() of the same run. */
#include "gohost.h"
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	struct goaudit_runtime rt;
	void *heap = open_guest("./heap.so"), *h;
	int mb = argc > 1 ? atoi(argv[1]) : 10, pages = argc > 2 ? atoi(argv[2]) : 0;
	double begin;
	char path[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mb)
		((void (*)(long))find(heap, "Fill"))(mb);
	CHECK(goaudit_runtime_stats(&rt, sizeof rt, 2) == 0);
	begin = now_ms();
	CHECK(goaudit_runtime_stats(&rt, sizeof rt, 1) == 0);
	printf("%lu MB live, %lu objects; runtime.GC(): %.1f ms; rss %ld MB\n",
	       rt.heap_live >> 20, rt.heap_objects, now_ms() - begin, rss_kb() >> 10);
	if (pages) {
		((void (*)(long))find(heap, "Write"))(pages);
		usleep(500000);
		printf("without a proof the writer is kept from it for %.2f ms\n",
		       ((long (*)(void))find(heap, "Calm"))() / 1e6);
	}
	for (int i = 0; i < 10; i++) {
		if (pages)
			((void (*)(long))find(heap, "Write"))(pages);
		snprintf(path, sizeof path, "./cost%d.so", i);
		CHECK(link("guest.so", path) == 0 || errno == EEXIST);
		h = open_mode(path, RTLD_NOW);
		((void (*)(const char *))find(h, "Run"))("plain");
		close_guest(h);
		begin = now_ms();
		goaudit_reclaim(NULL, 60000);
		printf("reclaimed in %.2f ms: state %u %s", now_ms() - begin,
		       record_of(path, 1).state, record_of(path, 1).holder_text);
		if (pages)
			printf("; the writer was kept from it for %.2f ms",
			       ((long (*)(void))find(heap, "Calm"))() / 1e6);
		printf("\n");
	}
	printf("rss %ld MB, %d lines of maps\n", rss_kb() >> 10, maps_with(""));
	return 0;
}
