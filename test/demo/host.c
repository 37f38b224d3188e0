/* The demo's host: an ordinary C program that knows dlopen, dlsym and dlclose.
 *
 *	LD_AUDIT=libgoaudit.so ./host GUEST.so GENERATIONS REBUILD-COMMAND
 *
 * Each time round it opens the guest, calls it, closes it, and has the guest's
 * source changed and built again ("REBUILD-COMMAND N").  At the end it prints
 * what the module recorded. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "goaudit.h"

#define MAX 64

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static long resident_kb(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * 4;
}

static int fail(const char *what)
{
	fprintf(stderr, "demo: %s\n", what);
	return 1;
}

static void print_table(unsigned n, const double *build, const long *resident)
{
	static struct goaudit_generation g[2 * MAX];
	size_t count = goaudit_generations(g, 2 * MAX, sizeof *g);
	struct goaudit_runtime rt;

	printf("\ngeneration  build s  open us  init us  unload us  resident KB  state\n");
	for (size_t i = 0; i < count && i < n; i++) {
		static const char *const state[] = { "free",    "loading", "initialising",
						     "open",    "parked",  "superseded",
						     "retired", "gone" };

		printf("%10u  %7.2f  %7.1f  %7.1f  ", g[i].number, build[i],
		       (g[i].snapshot_ns + g[i].load_ns) / 1e3, g[i].init_ns / 1e3);
		if (g[i].state == GOAUDIT_GONE)
			printf("%9.1f", g[i].unload_ns / 1e3);
		else
			printf("%9s", "-");
		printf("  %11ld  %s\n", resident[i], state[g[i].state]);
	}
	if (goaudit_runtime_stats(&rt, sizeof rt, 1) == 0)
		printf("one Go runtime (%s), started once in %.1f ms; %lu module(s) "
		       "in it now\n",
		       rt.version, rt.start_ns / 1e6, (unsigned long)rt.modules);
}

int main(int argc, char **argv)
{
	double build[MAX] = { 0 };
	long resident[MAX] = { 0 };
	char command[4096];
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (argc != 4 || n < 1 || n > MAX)
		return fail("usage: host GUEST.so GENERATIONS REBUILD-COMMAND");
	if (!goaudit_generations)
		return fail("start it with LD_AUDIT=libgoaudit.so");
	for (int i = 0; i < n; i++) {
		const char *(*greet)(void);
		double begin = seconds();
		void *guest;

		snprintf(command, sizeof command, "%s %d", argv[3], i + 1);
		if (system(command) != 0)
			return fail("the guest does not build");
		build[i] = seconds() - begin;
		guest = dlopen(argv[1], RTLD_NOW | RTLD_RELOADABLE);
		if (!guest)
			return fail(dlerror());
		greet = (const char *(*)(void))dlsym(guest, "Greet");
		if (!greet)
			return fail(dlerror());
		printf("%s\n", greet());
		fflush(stdout);
		dlclose(guest);
		resident[i] = resident_kb();
	}
	goaudit_reclaim(NULL, 10000);
	print_table(n, build, resident);
	return 0;
}
