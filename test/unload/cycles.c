/* Many generations: cycles N [THREADS].
 *
 * Opens, calls and closes churn.so N times, each time a new generation, while
 * threads call another guest and collect garbage; all are unmapped in the end
 * and nothing grows. */
#include "gohost.h"
#include <pthread.h>
#include <stdatomic.h>

static atomic_bool stop;
static atomic_long calls;

static void *caller(void *arg)
{
	long (*run)(long) = (long (*)(long))arg;

	while (!stop) {
		CHECK(run(1) == 5);
		calls++;
	}
	return NULL;
}

static void *collector(void *arg)
{
	struct goaudit_runtime rt;

	while (!stop) {
		CHECK(goaudit_runtime_stats(&rt, sizeof rt, 1) == 0);
		usleep(20000);
	}
	return NULL;
}

static void report(int i)
{
	struct goaudit_runtime rt = runtime_now(2);
	static struct goaudit_generation all[RECORDS];
	size_t n = goaudit_generations(all, RECORDS, sizeof *all), held = 0;

	for (size_t k = 0; k < n; k++)
		held += all[k].state == GOAUDIT_RETIRED;
	printf("%d: rss %ld KB, %d maps, heap %lu KB, %lu objects, other %lu KB, modules %lu, "
	       "itabs %lu, retired %zu, calls %ld\n", i, rss_kb(), maps_with(""),
	       rt.heap_live >> 10, rt.heap_objects, rt.other_sys >> 10, rt.modules,
	       rt.itabs, held, calls);
	for (size_t k = 0; k < n && i < 0; k++)
		if (all[k].state == GOAUDIT_RETIRED)
			printf("held: %s\n", all[k].holders);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000, threads = argc > 2 ? atoi(argv[2]) : 4;
	pthread_t t[16];
	void *other, *h;
	int left;

	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(link("churn.so", "other.so") == 0 || errno == EEXIST);
	other = open_guest("./other.so");
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, caller, find(other, "Run"));
	pthread_create(&t[threads], NULL, collector, NULL);
	for (int i = 0; i < n; i++) {
		h = open_mode("./churn.so", RTLD_NOW);
		CHECK(((long (*)(long))find(h, "Run"))(i) == i + 4);
		close_guest(h);
		if (i % (n / 10) == n / 10 - 1)
			report(i + 1);
	}
	stop = 1;
	for (int i = 0; i <= threads; i++)
		pthread_join(t[i], NULL);
	usleep(100000);
	for (int i = 0; i < 3 && (left = goaudit_reclaim(NULL, 10000)) != 0; i++)
		runtime_now(2);
	report(-1);
	printf("%d left\n", left);
	return left != 0;
}
