#!/bin/bash
# Of the guests that everybody has closed as many are kept as GOAUDIT_PARKED says, and the
# others leave nothing: a host that gives each build a name of its own needs as much memory
# and as many mappings in the end as in the beginning.  A handle of a guest that is no more is
# refused by all that take one, and its functions' addresses lead nowhere, until they are
# another guest's.  GOAUDIT_TEST_PATHS: how many names, default 8000.
. "$(dirname "$0")/../lib.sh"

source='
#include <stdio.h>
static int calls;
int f(void) { return ++calls; }
int g(int a) { return a + 1; }
#ifdef TELLS
__attribute__((destructor)) static void fini(void) { printf("%d calls, gone\n", calls); }
#endif
'
cc_so guest.so <<<"$source"
cc_so tells.so -DTELLS <<<"$source"
cc_host host <<'C'
#include "host.h"
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define FULL 1000 /* names, after which all tables have their size */

static char *name(int i)
{
	static char text[32];

	snprintf(text, sizeof text, "./build-%d.so", i);
	return text;
}

static void refused(void *h)
{
	void *other;

	CHECK(!dlsym(h, "f") && strstr(dlerror(), "was closed before"));
	CHECK(dlclose(h) == -1 && strstr(dlerror(), "was closed before"));
	CHECK(dlinfo(h, RTLD_DI_LINKMAP, &other) == -1 && strstr(dlerror(), "was closed before"));
	CHECK(!dlreload(h) && strstr(dlerror(), "not an open handle"));
	CHECK(goaudit_reclaim(h, -1) == 0);
}

static void traps(int (*f)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(f());
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void *first;
static int (*old)(void);

static void once(int i)
{
	void *h;
	int (*f)(void);

	CHECK(link("guest.so", name(i)) == 0);
	h = open_guest(name(i));
	f = (int (*)(void))find(h, "f");
	CHECK(f() == 1 && f() == 2 && ((int (*)(int))find(h, "g"))(i) == i + 1);
	close_guest(h);
	CHECK(unlink(name(i)) == 0);
	if (i == 0) {
		first = h;
		old = f;
	}
	if (i == 256) { /* the first is no more, and its entries are not used again yet */
		refused(first);
		traps(old);
	}
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), mappings, all, files, i = 0;
	uint64_t begin = now(), early;
	size_t used;
	long rss;

	while (i < FULL)
		once(i++);
	early = now() - begin;
	rss = rss_kb();
	used = mallinfo2().uordblks;
	mappings = maps_with("");
	all = maps_with("/");
	files = snapshot_files();
	while (i < n)
		once(i++);
	CHECK(maps_with("") == mappings && maps_with("/") == all);
	CHECK(snapshot_files() == files && open_files() <= 8);
	/* ld.so keeps the names of the 256 snapshots in blocks of its own.  Their numbers grow
	 * by a digit, and so does each block, by 16 bytes, where the folder's name lets it.
	 * A block a name would be 16 bytes for each of 7,000. */
	CHECK(mallinfo2().uordblks < used + 16384);
	CHECK(rss_kb() < rss + 512);
	if (argc > 2)
		printf("processor time of one: %.0f us in the beginning, %.0f us in the end\n",
		       early / 1e3 / FULL, (now() - begin - early) / 1e3 / (n - FULL));
	printf("%d names, %d files\n", n, files);
	return 0;
}
C
names=${GOAUDIT_TEST_PATHS:-8000}
if [ "$names" -gt 8000 ]; then
	run_audited ./host "$names" times
else
	expect_output run_audited ./host "$names" <<<"$names names, 256 files"
fi
expect_no_snapshots

cc_host order <<'C'
#include "host.h"

static const char *const file[] = { "./a.so", "./b.so", "./c.so", "./d.so" };

static void *called(int i)
{
	void *h = open_guest(file[i]);

	printf("%s: %d\n", file[i], call(h, "f"));
	return h;
}

int main(void)
{
	void *h[4];

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 4; i++)
		h[i] = called(i);
	/* That which is closed first goes first, when there are too many. */
	for (int i = 0; i < 3; i++) {
		printf("closing %s\n", file[i]);
		close_guest(h[i]);
	}
	/* Reopened, it is the last one. */
	h[1] = called(1);
	close_guest(h[1]);
	printf("closing %s\n", file[3]);
	close_guest(h[3]);
	close_guest(called(1));
	close_guest(called(0));
	puts("end");
	_exit(0);
}
C
for n in a b c d; do cp tells.so $n.so; done
GOAUDIT_PARKED=2 expect_output run_audited ./order <<'O'
./a.so: 1
./b.so: 1
./c.so: 1
./d.so: 1
closing ./a.so
closing ./b.so
closing ./c.so
1 calls, gone
./b.so: 2
closing ./d.so
1 calls, gone
./b.so: 3
./a.so: 1
1 calls, gone
end
O
GOAUDIT_PARKED=0 expect_output run_audited ./order <<'O'
./a.so: 1
./b.so: 1
./c.so: 1
./d.so: 1
closing ./a.so
1 calls, gone
closing ./b.so
1 calls, gone
closing ./c.so
1 calls, gone
./b.so: 1
1 calls, gone
closing ./d.so
1 calls, gone
./b.so: 1
1 calls, gone
./a.so: 1
1 calls, gone
end
O
GOAUDIT_PARKED=3 expect_output run_audited ./order <<'O'
./a.so: 1
./b.so: 1
./c.so: 1
./d.so: 1
closing ./a.so
closing ./b.so
closing ./c.so
./b.so: 2
closing ./d.so
1 calls, gone
./b.so: 3
./a.so: 1
1 calls, gone
end
O
