#!/bin/bash
# A handle and the function addresses that were taken with it stay good across
# dlreload and across close and reopen: they lead to the new build from the moment
# on at which dlreload returns, for all threads; calls under way end in the old one.
# A build that lacks a function in use is refused, while the guest is open.  Variables are the current
# generation's.  GOAUDIT_TEST_RELOADS: how often below the threads, default 300.
. "$(dirname "$0")/../lib.sh"

source='
#include <unistd.h>
#ifdef SECOND
#define VERSION 2
#else
#define VERSION 1
#endif
int variable = VERSION * 100;
volatile int patched = 0x5a5a0000;
int version(void) { return VERSION; }
int number(void) { return patched; }
int again(void) { return number() - patched; }
int wait_inside(int in, int out)
{
	char c;
	if (write(out, "i", 1) != 1 || read(in, &c, 1) != 1)
		return -1;
	return VERSION;
}
#ifndef LACKS
int optional(void) { return VERSION * 10; }
#endif
double mixed(int a, double b, float c, long d, long e, long f, long g, long h, long i)
{
	return a + b + c + d + e + f + g + h + i + VERSION;
}
#ifdef TRAPS
__attribute__((constructor)) static void init(void) { }
#endif
'
cc_so v1.so <<<"$source"
cc_so v2.so -DSECOND <<<"$source"
cc_so lacks.so -DSECOND -DLACKS <<<"$source"
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static int (*number)(void), (*again)(void), (*wait_inside)(int, int);
static int in[2], out[2];
static int completed, stop;
static char image[1 << 20];
static size_t image_size, at;

static void *wait_in_old(void *arg)
{
	return (void *)(long)wait_inside(in[0], out[1]);
}

/* The answer is of one build, and of none that had been replaced by the time of
 * the call. */
static void *caller(void *arg)
{
	long calls = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		int before = __atomic_load_n(&completed, __ATOMIC_ACQUIRE);
		int got = number() - 0x5a5a0000;

		CHECK(got >= before && got <= __atomic_load_n(&completed, __ATOMIC_ACQUIRE) + 1);
		CHECK(again() == 0);
		calls++;
	}
	return (void *)calls;
}

static void write_build(int n)
{
	int fd = open("guest.so.new", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	n += 0x5a5a0000;
	memcpy(image + at, &n, sizeof n);
	CHECK(write(fd, image, image_size) == (ssize_t)image_size && close(fd) == 0);
	CHECK(rename("guest.so.new", "guest.so") == 0);
}

static void threads(void *h, int reloads)
{
	pthread_t t[8];
	void *calls;
	int fd = open("v1.so", O_RDONLY), zero = 0x5a5a0000;

	image_size = read(fd, image, sizeof image);
	close(fd);
	at = (char *)memmem(image, image_size, &zero, sizeof zero) - image;
	write_build(0);
	CHECK(dlreload(h) == h);
	number = (int (*)(void))find(h, "number");
	again = (int (*)(void))find(h, "again");
	for (int i = 0; i < 8; i++)
		CHECK(pthread_create(&t[i], NULL, caller, NULL) == 0);
	for (int i = 1; i <= reloads; i++) {
		write_build(i);
		CHECK(dlreload(h) == h);
		__atomic_store_n(&completed, i, __ATOMIC_RELEASE);
		CHECK(number() == 0x5a5a0000 + i);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 8; i++) {
		CHECK(pthread_join(t[i], &calls) == 0);
		CHECK((long)calls > 0);
	}
	write_build(reloads + 1);
	CHECK(dlreload(h) == h);
	/* The one before is kept for now: its code may be below dlreload's caller. */
	CHECK(maps_with("/guest.so") <= 2 * 6);
	printf("%d reloads below 8 threads\n", reloads);
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

int main(int argc, char **argv)
{
	void *h, *h2, *late;
	int (*version)(void), (*optional)(void);
	double (*mixed)(int, double, float, long, long, long, long, long, long);
	pthread_t waiting;
	struct link_map *map;
	Dl_info info;
	char c, *text;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	version = (int (*)(void))find(h, "version");
	optional = (int (*)(void))find(h, "optional");
	wait_inside = (int (*)(int, int))find(h, "wait_inside");
	mixed = (double (*)(int, double, float, long, long, long, long, long, long))find(h, "mixed");
	CHECK((void *)version == find(h, "version"));
	CHECK(open_guest("./guest.so") == h);
	printf("%d %d %.2f\n", version(), *(int *)find(h, "variable"),
	       mixed(1, 2.5, 0.25f, 3, 4, 5, 6, 7, 8));
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	CHECK(pthread_create(&waiting, NULL, wait_in_old, NULL) == 0);
	CHECK(read(out[0], &c, 1) == 1);

	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	printf("%d %d %.2f\n", version(), *(int *)find(h, "variable"),
	       mixed(1, 2.5, 0.25f, 3, 4, 5, 6, 7, 8));
	CHECK((void *)version == find(h, "version"));
	CHECK(dladdr((void *)version, &info) && strcmp(info.dli_sname, "version") == 0);
	CHECK(dlinfo(h, RTLD_DI_LINKMAP, &map) == 0 && map->l_addr == (ElfW(Addr))info.dli_fbase);
	CHECK(((struct link_map *)h)->l_addr == map->l_addr);
	CHECK(write(in[1], "c", 1) == 1 && pthread_join(waiting, &late) == 0);
	printf("the old call: %ld\n", (long)late);

	replace("lacks.so", "guest.so");
	h2 = dlreload(h);
	printf("%s\n", h2 ? "accepted" : strstr(dlerror(), "guest.so:"));
	printf("%d %d\n", version(), optional());

	/* Both openings close the guest that the handle stands for. */
	close_guest(h);
	printf("%d\n", version());
	close_guest(h);
	CHECK(dlclose(h) == -1 && strstr(dlerror(), "was closed before"));

	/* Who has closed the guest may open what lacks the function. */
	CHECK(open_guest("./guest.so") == h && version() == 2);
	CHECK(!dlsym(h, "optional"));
	text = dlerror();
	CHECK(!strstr(text, "/snapshots/"));
	puts(strstr(text, "/guest.so:"));
	traps(optional);
	close_guest(h);
	replace("v1.so", "guest.so");
	CHECK(open_guest("./guest.so") == h);
	printf("%d %d\n", version(), optional());
	threads(h, argc > 1 ? atoi(argv[1]) : 300);
	printf("%d\n", version());
	close_guest(h);
	return 0;
}
C
reloads=${GOAUDIT_TEST_RELOADS:-300}
expect_output run_audited ./host $reloads <<E
1 100 37.75
2 200 38.75
the old call: 1
guest.so: the new build has no function optional, whose address is in use: put it back, or restart the process
2 20
2
/guest.so: undefined symbol: optional
1 10
$reloads reloads below 8 threads
1
E
expect_no_snapshots
