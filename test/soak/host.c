/* The soak's host:
 *
 *	host FIRST RELOADS EVERY GUEST.so VARIANT...
 *
 * Makes GUEST.so each of the variants in turn, opens it, calls it, closes it,
 * FIRST + RELOADS times.  After the first FIRST it prints a sample of what the
 * process has every EVERY reloads: a line of figures, in the order of the names
 * in its first line. */
#include <malloc.h>

#include "gohost.h"

static int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = -2;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void sample(int n)
{
	struct goaudit_runtime rt;

	/* All that can go is gone: a goroutine that has said its last word may
	 * hold its generation a moment longer. */
	while (goaudit_reclaim(NULL, 10000) > 0)
		;
	rt = runtime_now(3);
	printf("%d %ld %d %d %d %lu %lu %lu %lu %lu %lu %d %zu\n", n, rss_kb(), maps_with(""),
	       open_files(), snapshot_files(), (unsigned long)rt.heap_live,
	       (unsigned long)rt.heap_objects, (unsigned long)rt.other_sys,
	       (unsigned long)rt.modules, (unsigned long)rt.itabs, (unsigned long)rt.goroutines,
	       threads(), mallinfo2().uordblks);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int first = argc > 5 ? atoi(argv[1]) : 0, reloads = argc > 5 ? atoi(argv[2]) : 0;
	int every = argc > 5 ? atoi(argv[3]) : 0;
	const char *guest = argv[4];

	if (first < 1 || reloads < 1 || every < 1)
		return 2;
	printf("reloads rss_kb mappings files snapshots heap_bytes heap_objects other_sys "
	       "modules itabs goroutines threads host_malloc\n");
	for (int i = 0; i < first + reloads; i++) {
		int v = i % (argc - 5);
		char want[32], *text;
		void *h;

		replace(argv[5 + v], guest);
		h = open_guest(guest);
		if (i == 0)
			((void (*)(void))find(h, "Warm"))();
		text = ((char *(*)(void))find(h, "Test"))();
		snprintf(want, sizeof want, "generation %04d", v + 1);
		if (!strstr(text, want)) {
			fprintf(stderr, "soak: expected %s, got: %s", want, text);
			return 1;
		}
		free(text);
		close_guest(h);
		if (i >= first && (i - first + 1) % every == 0)
			sample(i - first + 1);
	}
	return 0;
}
