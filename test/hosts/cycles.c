/* Many generations: cycles FIRST N THREADS EVERY.
 *
 * Opens, calls and closes churn.so FIRST + N times, each time a new generation, while
 * threads call other.so and one collects garbage.  After the first FIRST it prints a
 * line of figures every EVERY cycles, the threads held still and all reclaimed; their
 * names are in the first line. */
#include "gohost.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Who works is counted in `working`, both under `lock`; while `still` is set nobody
 * begins.  An rwlock would not do: glibc's prefers readers, and four of them keep a
 * writer out for ever where the machine is slow. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool still;
static int working;
static atomic_bool stop;
static atomic_long calls;

static void begin(void)
{
	pthread_mutex_lock(&lock);
	while (still)
		pthread_cond_wait(&changed, &lock);
	working++;
	pthread_mutex_unlock(&lock);
}

static void end(void)
{
	pthread_mutex_lock(&lock);
	if (--working == 0)
		pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void hold_still(void)
{
	pthread_mutex_lock(&lock);
	still = true;
	while (working > 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void go_on(void)
{
	pthread_mutex_lock(&lock);
	still = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *caller(void *arg)
{
	long (*run)(long) = (long (*)(long))arg;

	while (!stop) {
		begin();
		CHECK(run(1) == 5);
		end();
		calls++;
		usleep(100);
	}
	return NULL;
}

static void *collector(void *unused)
{
	while (!stop) {
		begin();
		runtime_now(1);
		end();
		usleep(10000);
	}
	return unused;
}

/* A guest that comes and goes takes its thread with it. */
static void *passer_by(void *run)
{
	CHECK(((long (*)(long))run)(2) == 6);
	return NULL;
}

static void sample(int i)
{
	struct goaudit_runtime rt;

	hold_still();
	for (int k = 0; goaudit_reclaim(NULL, 10000) != 0; k++) {
		if (k == 100)
			reclaim_all();
		runtime_now(1);
		usleep(1000);
	}
	rt = runtime_now(3);
	printf("%d %ld %d %d %lu %lu %lu %lu %lu\n", i, rss_kb(), maps_with(""),
	       snapshot_files(), (unsigned long)rt.heap_live, (unsigned long)rt.heap_objects,
	       (unsigned long)rt.other_sys, (unsigned long)rt.modules, (unsigned long)rt.itabs);
	go_on();
}

int main(int argc, char **argv)
{
	int first = argc > 4 ? atoi(argv[1]) : 0, n = argc > 4 ? atoi(argv[2]) : 0;
	int threads = argc > 4 ? atoi(argv[3]) : 0, every = argc > 4 ? atoi(argv[4]) : 0;
	pthread_t t[16], one;
	void *other, *h, *run;

	if (first < 1 || n < 1 || threads < 1 || threads > 15 || every < 1)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("cycles rss_kb mappings snapshots heap_bytes heap_objects other_sys modules itabs\n");
	other = open_guest("./other.so");
	for (int i = 0; i < threads; i++)
		CHECK(pthread_create(&t[i], NULL, caller, find(other, "Run")) == 0);
	CHECK(pthread_create(&t[threads], NULL, collector, NULL) == 0);
	for (int i = 0; i < first + n; i++) {
		h = open_mode("./churn.so", RTLD_NOW);
		run = find(h, "Run");
		CHECK(((long (*)(long))run)(i) == i + 4);
		if (i % 10 == 0) {
			CHECK(pthread_create(&one, NULL, passer_by, run) == 0);
			pthread_join(one, NULL);
		}
		close_guest(h);
		if (i >= first && (i - first + 1) % every == 0)
			sample(i - first + 1);
	}
	stop = 1;
	for (int i = 0; i <= threads; i++)
		pthread_join(t[i], NULL);
	CHECK(calls > 0);
	return 0;
}
