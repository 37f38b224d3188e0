/* Measures what README and goaudit(7) quote.  Each subcommand prints lines
 * "NAME VALUE UNIT"; test/bench/run puts them side by side.
 *
 *	bench reload GUEST A B PLUGIN  close+open of a guest that changes between
 *	                               A and B, in turn with dlopen+dlclose of PLUGIN
 *	bench reopen GUEST PLUGIN      close+open of an unchanged, parked guest
 *	bench traced GUEST A B PLUGIN FOLDER N
 *	                               dlreload of a guest that changes, in turn with
 *	                               dlclose+dlopen of PLUGIN, with FOLDER/1.so to
 *	                               FOLDER/N.so open: to be run by gdb
 *	bench call GUEST PLUGIN        a call of Add in each
 *	bench plt                      a call through the PLT
 *	bench spawn N PROGRAM [ARG..]  start to end of a program, N times
 *	bench rss                      resident memory of a host without guests
 *	bench parked GUEST             what a parked generation keeps
 *	bench gone GUEST A B           what a generation keeps that is gone, and what a
 *	                               reload takes until it is */
#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goaudit.h"
#include "measure.h"

#define ROUNDS 400

extern char **environ;

static void *must(void *p, const char *what)
{
	if (!p) {
		fprintf(stderr, "bench: %s: %s\n", what, dlerror());
		exit(1);
	}
	return p;
}

static long resident_kb(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

typedef long add_fn(long, long);

static double plugin_once(const char *plugin)
{
	double t = ns();
	void *h = must(dlopen(plugin, RTLD_NOW), plugin);

	dlclose(h);
	return ns() - t;
}

/* As a proof does, Go looks through all that it has. */
static void collect_garbage(void)
{
	struct goaudit_runtime rt;

	goaudit_runtime_stats(&rt, sizeof rt, 1);
}

static int reload(char **a)
{
	static double go[ROUNDS], c[ROUNDS], in_open[ROUNDS];
	const char *builds[2] = { a[1], a[2] };
	int now = 0;
	void *h;

	must(rename(builds[0], a[0]) == 0 ? a : NULL, "rename");
	h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	for (int i = 0; i < ROUNDS; i++) {
		double t, mid;

		rename(a[0], builds[now]);
		now = !now;
		rename(builds[now], a[0]);
		t = ns();
		dlclose(h);
		mid = ns();
		h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
		go[i] = ns() - t;
		in_open[i] = ns() - mid;
		if (((add_fn *)must(dlsym(h, "Add"), "Add"))(i, 1) != i + 1)
			return 1;
		/* The reaper works beside us, not in our time; but it leaves cold caches,
		 * to both alike. */
		goaudit_reclaim(NULL, 10000);
		c[i] = plugin_once(a[3]);
		collect_garbage();
	}
	rename(a[0], builds[now]);
	printf("reload_changed %.2f us\n", median(go, ROUNDS) / 1e3);
	printf("reload_changed_open_part %.2f us\n", median(in_open, ROUNDS) / 1e3);
	printf("plugin_open_close %.2f us\n", median(c, ROUNDS) / 1e3);
	return 0;
}

static int reopen(char **a)
{
	static double go[ROUNDS], c[ROUNDS], notice[ROUNDS];
	void *h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	struct timespec pause = { .tv_nsec = 100000000 };

	nanosleep(&pause, NULL); /* the file's stamp is then old enough to be trusted */
	for (int i = 0; i < ROUNDS; i++) {
		double t;

		dlclose(h);
		t = ns();
		h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
		go[i] = ns() - t;
		t = ns();
		h = must(dlreload(h), a[0]);
		notice[i] = ns() - t;
		c[i] = plugin_once(a[1]);
	}
	printf("out_and_in %.2f us\n", median(notice, ROUNDS) / 1e3);
	printf("reopen_parked %.2f us\n", median(go, ROUNDS) / 1e3);
	printf("plugin_open_close %.2f us\n", median(c, ROUNDS) / 1e3);
	return 0;
}

#define TRACED_ROUNDS 20

static int traced(char **a)
{
	static double go[TRACED_ROUNDS], c[TRACED_ROUNDS];
	const char *builds[2] = { a[1], a[2] };
	void *plugin = must(dlopen(a[3], RTLD_NOW), a[3]), *h;
	char name[4096];
	int now = 0;

	for (int i = 1; i <= atoi(a[5]); i++) {
		snprintf(name, sizeof name, "%s/%d.so", a[4], i);
		must(dlopen(name, RTLD_NOW), name);
	}
	must(rename(builds[0], a[0]) == 0 ? a : NULL, "rename");
	h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	for (int i = 0; i < TRACED_ROUNDS; i++) {
		double t;

		rename(a[0], builds[now]);
		now = !now;
		rename(builds[now], a[0]);
		t = ns();
		h = must(dlreload(h), a[0]);
		go[i] = ns() - t;
		goaudit_reclaim(NULL, 10000);
		t = ns();
		dlclose(plugin);
		plugin = must(dlopen(a[3], RTLD_NOW), a[3]);
		c[i] = ns() - t;
	}
	rename(a[0], builds[now]);
	printf("reload %.2f us\n", median(go, TRACED_ROUNDS) / 1e3);
	printf("plugin %.2f us\n", median(c, TRACED_ROUNDS) / 1e3);
	return 0;
}

#define CALL_SAMPLES 501

static double per_call(add_fn *f, long n)
{
	double t = ns();

	for (long i = 0; i < n; i++) {
		long sum = f(i, 1);

		__asm__ volatile("" : : "r"(sum));
	}
	return (ns() - t) / n;
}

/* The function behind an entry: what dladdr knows. */
static add_fn *behind(add_fn *entry)
{
	Dl_info info;

	if (!dladdr((void *)entry, &info) || info.dli_saddr == (void *)entry) {
		fprintf(stderr, "bench: dlsym has not given an entry\n");
		exit(1);
	}
	return (add_fn *)info.dli_saddr;
}

static int call(char **a)
{
	void *g = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	void *p = must(dlopen(a[1], RTLD_NOW), a[1]);
	add_fn *go = (add_fn *)must(dlsym(g, "Add"), "Add");
	add_fn *in_c = (add_fn *)must(dlsym(g, "add_in_c"), "add_in_c");
	add_fn *c = (add_fn *)must(dlsym(p, "Add"), "Add");
	/* Short enough that most are not interrupted. */
	static struct {
		const char *name;
		add_fn *f;
		long n;
		double v[CALL_SAMPLES];
	} calls[] = {
		{ .name = "go", .n = 2000 },       { .name = "go_direct", .n = 2000 },
		{ .name = "guest_c", .n = 20000 }, { .name = "guest_c_direct", .n = 20000 },
		{ .name = "c", .n = 20000 },
	};
	const int n = sizeof calls / sizeof *calls;

	calls[0].f = go;
	calls[1].f = behind(go);
	calls[2].f = in_c;
	calls[3].f = behind(in_c);
	calls[4].f = c;
	for (int i = 0; i < CALL_SAMPLES; i++)
		for (int k = 0; k < n; k++)
			calls[k].v[i] = per_call(calls[k].f, calls[k].n);
	for (int k = 0; k < n; k++)
		printf("call_%s %.2f ns\n", calls[k].name, median(calls[k].v, CALL_SAMPLES));
	return 0;
}

static int plt(void)
{
	static double v[21];
	volatile long sum __attribute__((unused)) = 0;

	for (int k = 0; k < 21; k++) {
		double t = ns();

		for (int i = 0; i < 5000000; i++)
			sum += getpagesize();
		v[k] = (ns() - t) / 5000000;
	}
	printf("plt_call %.3f ns\n", median(v, 21));
	return 0;
}

static int spawn(int n, char **argv)
{
	double *v = calloc(n, sizeof *v);

	for (int i = 0; i < n; i++) {
		double t = ns();
		int status;
		pid_t pid;

		if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			return 1;
		v[i] = ns() - t;
	}
	printf("process %.1f us\n", median(v, n) / 1e3);
	free(v);
	return 0;
}

static int parked(char **a)
{
	struct goaudit_generation g;
	long before, after;
	void *h;

	/* The first opening brings the runtime and our own tables in. */
	h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	dlclose(h);
	before = resident_kb();
	for (int i = 0; i < 1000; i++) {
		h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
		dlclose(h);
	}
	after = resident_kb();
	goaudit_generations(&g, 1, sizeof g);
	printf("parked_reopen_1000 %ld KB\n", after - before);
	printf("parked_mapping %lu KB\n", (unsigned long)(g.hi - g.lo) / 1024);
	printf("parked_record %zu bytes\n", sizeof g);
	return 0;
}

/* A figure of /proc/self/status, in KB. */
static long status_kb(const char *name)
{
	FILE *f = must(fopen("/proc/self/status", "r"), "status");
	size_t n = strlen(name);
	char line[200];
	long kb = 0;

	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			kb = atol(line + n + 1);
	fclose(f);
	return kb;
}

static int gone(char **a)
{
	enum { WARM = 300, N = 1000 };
	static double reload[N], until[N];
	long rss = 0, tables = 0, space = 0;
	void *h;

	must(rename(a[1], a[0]) == 0 ? a : NULL, "rename");
	h = must(dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE), a[0]);
	for (int i = -WARM; i < N; i++) {
		int now = i & 1;
		double t;

		rename(a[0], a[1 + now]);
		rename(a[2 - now], a[0]);
		if (i == 0) {
			collect_garbage();
			rss = status_kb("VmRSS");
			tables = status_kb("VmPTE");
			space = status_kb("VmSize");
		}
		t = ns();
		must(dlreload(h), "dlreload");
		if (i >= 0)
			reload[i] = ns() - t;
		if (goaudit_reclaim(NULL, 60000) != 0)
			return 1;
		if (i >= 0)
			until[i] = ns() - t;
	}
	rename(a[0], a[1]);
	collect_garbage();
	printf("gone_memory %ld B\n", (status_kb("VmRSS") - rss) * 1024 / N);
	printf("gone_page_tables %ld B\n", (status_kb("VmPTE") - tables) * 1024 / N);
	printf("gone_address_space %ld KB\n", (status_kb("VmSize") - space) / N);
	printf("gone_reload %.2f us\n", median(reload, N) / 1e3);
	printf("gone_until %.2f us\n", median(until, N) / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "reload") == 0 && argc == 6)
		return reload(argv + 2);
	if (strcmp(what, "reopen") == 0 && argc == 4)
		return reopen(argv + 2);
	if (strcmp(what, "traced") == 0 && argc == 8)
		return traced(argv + 2);
	if (strcmp(what, "call") == 0 && argc == 4)
		return call(argv + 2);
	if (strcmp(what, "plt") == 0)
		return plt();
	if (strcmp(what, "spawn") == 0 && argc > 3)
		return spawn(atoi(argv[2]), argv + 3);
	if (strcmp(what, "rss") == 0)
		return printf("rss %ld KB\n", resident_kb()) < 0;
	if (strcmp(what, "parked") == 0 && argc == 3)
		return parked(argv + 2);
	if (strcmp(what, "gone") == 0 && argc == 5)
		return gone(argv + 2);
	fprintf(stderr, "usage: see the head of test/bench/bench.c\n");
	return 2;
}
