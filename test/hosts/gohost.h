/* What the hosts of the tests with Go guests share; see host.h. */
#ifndef TEST_GOHOST_H
#define TEST_GOHOST_H

#include "host.h"

#define RECORDS 8192 /* more than the module keeps */

/* Calls char *name(void), whose text is malloc'ed, and prints it. */
static inline void print_text(void *h, const char *name)
{
	char *text = ((char *(*)(void))find(h, name))();

	printf("%s\n", text);
	fflush(stdout);
	free(text);
}

/* A copy of the record of generation `number` of the guest that h belongs to;
 * h may be closed by now. */
static inline struct goaudit_generation record_of(const char *path, unsigned number)
{
	static struct goaudit_generation all[RECORDS], none;
	size_t n = goaudit_generations(all, RECORDS, sizeof *all);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	while (n-- > 0) {
		const char *base = strrchr(all[n].path, '/');

		if (base && strcmp(base + 1, name) == 0 && all[n].number == number)
			return all[n];
	}
	return none;
}

/* Lines of /proc/self/maps that overlap [lo, hi). */
static inline int maps_between(uint64_t lo, uint64_t hi)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 200];
	unsigned long begin, end;
	int n = 0;

	while (fgets(line, sizeof line, f))
		n += sscanf(line, "%lx-%lx", &begin, &end) == 2 && begin < hi && lo < end;
	fclose(f);
	return n;
}

/* A retired generation is reclaimed and no trace of it is mapped.  Another
 * mapping may lie at its address by now, but not its file. */
static inline void check_gone(const char *path, unsigned number)
{
	struct goaudit_generation g = record_of(path, number);

	if (g.state != GOAUDIT_GONE)
		printf("%s: generation %u: state %u, holder %u (%s)\n", path, number, g.state,
		       g.holder, g.holder_text);
	CHECK(g.state == GOAUDIT_GONE);
	CHECK(g.snapshot[0] && maps_with(g.snapshot) == 0);
	CHECK(access(g.snapshot, F_OK) != 0);
}

/* The Go runtime's figures after so many collections. */
static inline struct goaudit_runtime runtime_now(int collect)
{
	struct goaudit_runtime rt;

	CHECK(goaudit_runtime_stats(&rt, sizeof rt, collect) == 0);
	return rt;
}

/* Reclaims all; prints who holds what is left. */
static inline void reclaim_all(void)
{
	static struct goaudit_generation all[RECORDS];
	int left = goaudit_reclaim(NULL, 10000);
	size_t n;

	if (left == 0)
		return;
	n = goaudit_generations(all, RECORDS, sizeof *all);
	for (size_t i = 0; i < n; i++)
		if (all[i].state == GOAUDIT_RETIRED)
			printf("%s: generation %u is held: %u, goroutine %lu: %s\n",
			       all[i].path, all[i].number, all[i].holder,
			       (unsigned long)all[i].goroutine, all[i].holder_text);
	CHECK(left == 0);
}

#endif
