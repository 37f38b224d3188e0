#!/bin/bash
# Eight threads open, close, reload and call guests, whose files keep changing,
# while they open unrelated libraries, walk the link map, start threads and
# throw exceptions.  A thread only calls what it holds a reference to; all it
# sees is consistent.
#
#   GOAUDIT_TEST_SECONDS   how long (default: 5)
. "$(dirname "$0")/../lib.sh"

GUESTS=4
for i in $(seq $GUESTS); do
	for v in 1 2; do
		cxx_so g$i-v$v.so <<C
#include <stdexcept>
static int generation = $v;
static __thread int local = $v;
extern "C" int guest() { return $i * 10 + generation; }
extern "C" int guest_local() { return $i * 10 + local; }
extern "C" void guest_throw(int n) { if (n) throw std::runtime_error("x"); }
C
	done
	cp g$i-v1.so g$i.so
done
cc_so unrelated.so <<<'int unrelated_value(void) { return 7; }'
cxx_host host -pthread <<'C'
#define TEST_RAW
#include "host.h"
#include <pthread.h>
#include <stdexcept>
#include <time.h>

#define THREADS 8
#define GUESTS 4

static int stop;
static long steps[16], failures;

static double now()
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void check_guest(void *h, int g)
{
	int value = call(h, "guest"), local = call(h, "guest_local");
	auto thrower = (void (*)(int))find(h, "guest_throw");
	Dl_info info;

	CHECK(value / 10 == g + 1 && (value % 10 == 1 || value % 10 == 2));
	CHECK(local == value);
	try {
		thrower(1);
		CHECK(!"thrown");
	} catch (const std::runtime_error &) {
	}
	/* Superseded ones are out of sight, the others are in it. */
	if (dladdr((void *)thrower, &info))
		CHECK(strstr(info.dli_fname, "/g"));
}

static int walk(struct dl_phdr_info *info, size_t, void *data)
{
	++*(int *)data;
	CHECK(info->dlpi_name && info->dlpi_phdr);
	return 0;
}

static void *nothing(void *arg) { return arg; }

static void *work(void *arg)
{
	unsigned seed = (unsigned)(size_t)arg * 7919 + 1;
	char name[64], file[64];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int what = rand_r(&seed) % 12, g = rand_r(&seed) % GUESTS, n = 0;
		void *h, *next;
		pthread_t t;

		__atomic_add_fetch(&steps[what], 1, __ATOMIC_RELAXED);
		snprintf(name, sizeof name, "./g%d.so", g + 1);
		switch (what) {
		case 0: case 1: case 2: case 3:
			h = open_guest(name);
			check_guest(h, g);
			check_guest(h, g);
			close_guest(h);
			break;
		case 4: case 5: case 6:
			h = open_guest(name);
			check_guest(h, g);
			next = dlreload(h);
			if (!next) {
				printf("dlreload: %s\n", dlerror());
				CHECK(next);
			}
			check_guest(next, g);
			close_guest(next);
			break;
		case 7:		/* a new build; each thread writes a file of its own */
			snprintf(file, sizeof file, "g%d-v%d.so", g + 1,
				 rand_r(&seed) % 2 + 1);
			snprintf(name, sizeof name, "new-%zu", (size_t)arg);
			overwrite(file, name);
			snprintf(file, sizeof file, "g%d.so", g + 1);
			CHECK(rename(name, file) == 0);
			break;
		case 8:
			h = open_mode("./unrelated.so", RTLD_NOW);
			CHECK(call(h, "unrelated_value") == 7);
			close_guest(h);
			break;
		case 9:
			dl_iterate_phdr(walk, &n);
			CHECK(n >= 5);
			break;
		case 10:
			CHECK(pthread_create(&t, NULL, nothing, arg) == 0);
			CHECK(pthread_join(t, NULL) == 0);
			break;
		case 11:
			CHECK(!dlopen("./absent.so", FLAGS));
			CHECK(strstr(dlerror(), "absent.so"));
			CHECK(!dlerror());
			CHECK(!dlsym(RTLD_DEFAULT, "guest"));
			CHECK(strstr(dlerror(), "undefined symbol: guest"));
			break;
		}
	}
	return NULL;
}

int main()
{
	const char *seconds = getenv("GOAUDIT_TEST_SECONDS");
	pthread_t t[THREADS];
	struct goaudit_generation all[1000];
	struct timespec nap = { 0, 20000000 };
	double end = now() + (seconds ? atof(seconds) : 5);
	int files = open_files();
	long total = 0;
	size_t n;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, work, (void *)i) == 0);
	while (now() < end)
		nanosleep(&nap, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 16; i++)
		total += steps[i];
	CHECK(total > 1000);
	CHECK(open_files() == files);

	/* All are closed now: at most one generation a guest is kept. */
	for (int g = 1; g <= GUESTS; g++) {
		char name[32];

		snprintf(name, sizeof name, "./g%d.so", g);
		close_guest(open_guest(name));
	}
	n = goaudit_generations(all, 1000, sizeof *all);
	CHECK(n <= 1000);
	int parked = 0;
	for (size_t i = 0; i < n; i++) {
		if (all[i].state == GOAUDIT_PARKED)
			parked++;
		else if (all[i].state != GOAUDIT_GONE)
			printf("generation %u of %s: state %u, %u references\n",
			       all[i].number, all[i].path, all[i].state,
			       all[i].references);
	}
	printf("%d parked, %d snapshots\n", parked, snapshot_files());
	return 0;
}
C
expect_output run_audited ./host <<<'4 parked, 4 snapshots'
expect_no_snapshots
