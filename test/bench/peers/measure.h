/* What the C and C++ programs here share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 1000
#define WARM   200 /* until allocators have what they need */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double resident_kb(void)
{
	char line[200];
	double kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %lf", &kb);
	if (f)
		fclose(f);
	return kb;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Puts a build in the guest's place; each is newer than the last by a second, which
 * is what some look at. */
static void place(const char *from, const char *to)
{
	static time_t mtime = 1000000000;
	struct timespec times[2] = { { ++mtime, 0 }, { mtime, 0 } };
	char command[2000];

	snprintf(command, sizeof command, "%s.next", to);
	unlink(command);
	if (link(from, command) != 0 || rename(command, to) != 0 ||
	    utimensat(AT_FDCWD, to, times, 0) != 0) {
		perror(to);
		exit(1);
	}
}

static void report(const char *name, double *took, double kept)
{
	qsort(took, ROUNDS, sizeof *took, by_size);
	printf("%s.replace %.1f us\n%s.kept %.1f KB\n", name, took[ROUNDS / 2], name,
	       kept / (ROUNDS - WARM));
}
