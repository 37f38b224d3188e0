#!/bin/bash
# The entries of a guest's functions: in one library they have the functions' names; the
# same address for all who ask, at once or later; more of them than fit where the first
# ones are; in a forked child too, without the parent's noticing; stack arguments up to the limit; unwound through at every
# instruction; a build that lacks one of the functions is refused, whichever it is, or,
# by an option, that entry traps.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

{
	for i in $(seq 0 99); do echo "int f$i(void) { return BASE + $i; }"; done
	cat <<'C'
struct large { long v[16]; };	/* as many words as pass an entry */
long sum(struct large s)
{
	long n = 0;
	for (int i = 0; i < 16; i++)
		n += s.v[i];
	return n + BASE;
}
long fill(long a, long b, long c, long d, long e, long f, double g, long h, long i)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + (long)(7 * g) + 8 * h + 9 * i;
}
int trace(int (*back)(void)) { return back() + 1; }
C
} >guest.c
cc_so v1.so -DBASE=1000 <guest.c
cc_so v2.so -DBASE=2000 <guest.c
for lacking in 0 15 16 99; do
	sed "/int f$lacking(/d" guest.c | cc_so "lacks$lacking.so" -DBASE=3000
done
cp v1.so guest.so

cc_host host -pthread -rdynamic <<'C'
#include "host.h"
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#define N 100

struct large { long v[16]; };

static void *h;
static int (*f[8][N])(void);
static pthread_barrier_t barrier;

static void *look_up_all(void *arg)
{
	int me = (int)(long)arg;
	char name[16];

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < N; i++) {
		int k = (i * 7 + me * 13) % N;

		sprintf(name, "f%d", k);
		f[me][k] = (int (*)(void))find(h, name);
		CHECK(f[me][k]() == 1000 + k);
	}
	return NULL;
}

static int libraries;
static char library[PATH_MAX];

static int is_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = strrchr(info->dlpi_name, '/');

	if (name && strncmp(name, "/guests.entries.", 16) == 0) {
		libraries++;
		strcpy(library, info->dlpi_name);
	}
	return 0;
}

static int count_libraries(void)
{
	libraries = 0;
	dl_iterate_phdr(is_library, NULL);
	return libraries;
}

/* What a debugger or profiler reads, by ld.so's eyes. */
static void names_are_there(void)
{
	void *l = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
	char name[24];

	CHECK(l);
	for (int i = 0; i < N; i++) {
		sprintf(name, "entry_of_f%d", i);
		CHECK(dlsym(l, name) == (void *)f[0][i]);
	}
	dlclose(l);
}

static void dladdr_tells_of_the_function(void)
{
	Dl_info info;

	CHECK(dladdr((void *)f[0][42], &info) && strcmp(info.dli_sname, "f42") == 0);
	CHECK(strcmp(strrchr(info.dli_fname, '/'), "/guest.so") == 0);
	CHECK(info.dli_saddr != (void *)f[0][42]);
}

static void no_library_is_writable_and_executable(void)
{
	FILE *m = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 200];

	while (fgets(line, sizeof line, m))
		CHECK(!strstr(line, "rwx"));
	fclose(m);
}

static int back(void)
{
	void *at[50];
	int n = backtrace(at, 50);
	char **s = backtrace_symbols(at, n);
	bool found = false;

	for (int i = 0; i < n; i++)
		found |= strstr(s[i], "(main+") != NULL;
	CHECK(found);
	return 41;
}

/* A child looks up what its parent has not, and reloads. */
static void forked(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		long (*sum)(struct large) = (long (*)(struct large))find(h, "sum");
		struct large s = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

		CHECK(count_libraries() == 2);
		CHECK(sum(s) == 1136);
		CHECK((void *)sum == find(h, "sum"));
		CHECK(f[0][7]() == 1007);
		replace("v2.so", "guest.so");
		CHECK(dlreload(h) == h);
		CHECK(sum(s) == 2136 && f[0][7]() == 2007);
		CHECK(((int (*)(int (*)(void)))find(h, "trace"))(back) == 42);
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(count_libraries() == 1 && f[0][7]() == 1007);
}

/* By the option: only that entry traps, and works again with a build that has it. */
static void lacking_is_let_pass(void)
{
	struct goaudit_reload_options options = {
		.size = sizeof options, .flags = GOAUDIT_RELOAD_LACKING,
	};
	int status;
	pid_t child;

	replace("lacks16.so", "guest.so");
	CHECK(dlreload2(h, &options) == h);
	CHECK(f[0][15]() == 3015 && f[0][17]() == 3017);
	CHECK(!dlsym(h, "f16") && dlerror());
	child = fork();
	if (child == 0)
		_exit(f[0][16]());
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
	replace("v1.so", "guest.so");
	CHECK(dlreload(h) == h);
	CHECK(f[0][16]() == 1016);
}

int main(int argc, char **argv)
{
	struct large s = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
	long (*fill)(long, long, long, long, long, long, double, long, long);
	long (*sum)(struct large);
	pthread_t t[8];

	h = open_guest("./guest.so");
	CHECK(count_libraries() == 0);
	pthread_barrier_init(&barrier, NULL, 8);
	for (long i = 0; i < 8; i++)
		CHECK(pthread_create(&t[i], NULL, look_up_all, (void *)i) == 0);
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	for (int i = 1; i < 8; i++)
		CHECK(memcmp(f[0], f[i], sizeof f[0]) == 0);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < i; k++)
			CHECK(f[0][i] != f[0][k]);
	CHECK(count_libraries() == 1);
	names_are_there();
	dladdr_tells_of_the_function();
	no_library_is_writable_and_executable();
	forked();
	sum = (long (*)(struct large))find(h, "sum");
	fill = (long (*)(long, long, long, long, long, long, double, long, long))find(h, "fill");
	CHECK(sum(s) == 1136);
	CHECK(fill(1, 1, 1, 1, 1, 1, 1.0, 1, 1) == 45);
	CHECK(((int (*)(int (*)(void)))find(h, "trace"))(back) == 42);
	for (int i = 1; i < argc; i++) {
		replace(argv[i], "guest.so");
		CHECK(!dlreload(h));
		puts(strstr(dlerror(), "the new build"));
		CHECK(f[0][0]() == 1000 && f[0][99]() == 1099 && sum(s) == 1136);
	}
	lacking_is_let_pass();
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	for (int i = 0; i < N; i++)
		CHECK(f[0][i]() == 2000 + i);
	CHECK(sum(s) == 2136);
	puts("good");
	return 0;
}
C
lacks() { echo "the new build has no function f$1, whose address is in use: put it back, or restart the process"; }
for i in 1 2 3; do
	cp v1.so guest.so
	GOAUDIT_LOG=$PWD/log expect_output run_audited ./host lacks0.so lacks15.so lacks16.so lacks99.so <<E
$(lacks 0)
$(lacks 15)
$(lacks 16)
$(lacks 99)
good
E
	grep -q "guest.so: f16 has been called, which its current build lacks$" log || fail "$(cat log)"
	rm log
	expect_no_snapshots
done

# More functions than one library has room for; and where files may not be that
# large (RLIMIT_FSIZE), smaller ones, or dlsym says why not.
cat >many.c <<'C'
#define F(n) int n(void) { return __COUNTER__ + BASE; }
#define F10(n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
#define F100(n) F10(n##0) F10(n##1) F10(n##2) F10(n##3) F10(n##4) \
	F10(n##5) F10(n##6) F10(n##7) F10(n##8) F10(n##9)
#define F1000(n) F100(n##0) F100(n##1) F100(n##2) F100(n##3) F100(n##4) \
	F100(n##5) F100(n##6) F100(n##7) F100(n##8) F100(n##9)
F1000(f0) F1000(f1) F1000(f2) F1000(f3) F1000(f4)
C
cc_so many1.so -g0 -DBASE=0 <many.c
cc_so many2.so -g0 -DBASE=10000 <many.c
cc_host many <<'C'
#include "host.h"
#include <sys/resource.h>

static int libraries;

static int is_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	libraries += strstr(info->dlpi_name, "/guests.entries.") != NULL;
	return 0;
}

int main(int argc, char **argv)
{
	static int (*f[5000])(void);
	struct rlimit limit = { argc > 1 ? atol(argv[1]) : RLIM_INFINITY, RLIM_INFINITY };
	void *h;
	char name[16];
	long before;

	replace("many1.so", "guest.so");
	h = open_guest("./guest.so");
	before = rss_kb();
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	for (int i = 0; i < 5000; i++) {
		sprintf(name, "f%04d", i);
		f[i] = (int (*)(void))dlsym(h, name);
		if (!f[i]) {
			puts(strstr(dlerror(), "guest.so:"));
			return 0;
		}
		CHECK(f[i]() == i);
	}
	/* A kilobyte and less for each, and no more the more there are. */
	CHECK(rss_kb() - before < 5 * 5000);
	dl_iterate_phdr(is_library, NULL);
	limit.rlim_cur = RLIM_INFINITY;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	replace("many2.so", "guest.so");
	CHECK(dlreload(h) == h);
	for (int i = 0; i < 5000; i++)
		CHECK(f[i]() == 10000 + i);
	printf("%d libraries\n", libraries);
	return 0;
}
C
expect_output run_audited ./many <<'E'
2 libraries
E
expect_output run_audited ./many 1000000 <<'E'
20 libraries
E
expect_output run_audited ./many 10000 <<'E'
guest.so: no library for the entries of its functions can be made: File too large: free memory or space, or raise the limit
E
expect_no_snapshots

# From the host's call to the guest's first instruction, and back: main is always below.
cp v1.so guest.so
cat >step.c <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./guest.so");
	int (*f)(void) = (int (*)(void))find(h, "f3");
	int r = f();
	return r == 1003 ? 0 : 1;
}
C
gcc $CFLAGS -O0 -o step step.c $DL
cat >commands <<G
break step.c:6
run
python step_through(lambda name: name.startswith("entry_of_") or name == "f3")
continue
G
gdb_run commands ./step >out || :
expect_output cat out <<'E'
gdb: through entry_of_f3 f3
[Inferior 1 exited normally]
E
