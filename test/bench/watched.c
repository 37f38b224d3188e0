/* What goaudit status costs the process that it looks at.
 *
 *	watched GUEST.so BUILD1 BUILD2 GOAUDIT
 *
 * One thread calls into a guest and reloads it every 100,000 calls, in pieces of
 * 200 ms; during every other piece a child runs `goaudit status' of this process
 * again and again.  Counted are the calls for each second of the thread's own
 * processor time, and of the clock's, in which it shares the machine with that
 * child; of the pairs' ratios the median. */
#include "goaudit.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAIRS    25
#define PIECE_NS 200e6
#define CALLS    100000 /* between two reloads */

static const char *guest, *builds[2], *tool;
static void *handle;
static long (*add)(long, long);
static unsigned long reloads, pictures;

struct rate {
	double cpu, wall; /* calls a second */
};

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
	const char *why = dlerror();

	fprintf(stderr, "watched: %s: %s\n", what, why ? why : "failed");
	exit(1);
}

static void reload(void)
{
	char next[4096];

	snprintf(next, sizeof next, "%s.next", guest);
	if (link(builds[reloads++ % 2], next) != 0 || rename(next, guest) != 0)
		die(guest);
	/* rename does nothing when both names are of one file. */
	unlink(next);
	if (!dlreload(handle))
		die("dlreload");
}

static struct rate piece(void)
{
	double cpu = now(CLOCK_THREAD_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
	double calls = 0;

	while (now(CLOCK_MONOTONIC) - wall < PIECE_NS) {
		for (long i = 0; i < CALLS; i++)
			if (add(i, 1) != i + 1)
				die("Add");
		calls += CALLS;
		reload();
	}
	return (struct rate){ calls / (now(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e9,
			      calls / (now(CLOCK_MONOTONIC) - wall) * 1e9 };
}

/* The child, which is as old as the process, so that nothing of that is shared
 * copy-on-write with it.  Between a byte that starts it and one that stops it it
 * runs the command; then it tells how often that has succeeded. */
static void poll_status(pid_t host, int fd)
{
	struct pollfd stop = { fd, POLLIN, 0 };
	int st, null = open("/dev/null", O_WRONLY);
	unsigned long good;
	char pid[20], byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	unsetenv("LD_AUDIT");
	snprintf(pid, sizeof pid, "%d", (int)host);
	dup2(null, 1);
	while (read(fd, &byte, 1) == 1) {
		for (good = 0; poll(&stop, 1, 0) == 0; good += st == 0) {
			pid_t child = vfork();

			if (child == 0) {
				execl(tool, tool, "status", pid, (char *)0);
				_exit(127);
			}
			while (waitpid(child, &st, 0) < 0)
				;
		}
		if (read(fd, &byte, 1) != 1 || write(fd, &good, sizeof good) != sizeof good)
			break;
	}
	_exit(0);
}

static int poller; /* a socket to the child */

static struct rate watched_piece(void)
{
	unsigned long good = 0;
	struct rate rate;

	if (write(poller, "", 1) != 1)
		die("poller");
	rate = piece();
	if (write(poller, "", 1) != 1 || read(poller, &good, sizeof good) != sizeof good ||
	    good == 0)
		die("goaudit status");
	pictures += good;
	return rate;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v)
{
	qsort(v, PAIRS, sizeof *v, by_size);
	return v[PAIRS / 2];
}

int main(int argc, char **argv)
{
	double cpu[PAIRS], cpu_ratio[PAIRS], wall[PAIRS], wall_ratio[PAIRS];
	pid_t child;
	int fd[2];

	if (argc != 5)
		return 2;
	guest = argv[1];
	builds[0] = argv[2];
	builds[1] = argv[3];
	tool = argv[4];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
		die("socketpair");
	poller = fd[0];
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		close(fd[0]);
		poll_status(getppid(), fd[1]);
	}
	close(fd[1]);
	if (link(builds[1], guest) != 0 ||
	    !(handle = dlopen(guest, RTLD_NOW | RTLD_RELOADABLE)) ||
	    !(add = (long (*)(long, long))dlsym(handle, "Add")))
		die(guest);
	piece();
	for (int i = 0; i < PAIRS; i++) {
		struct rate with, without;

		/* Neither is always the first. */
		if (i % 2)
			with = watched_piece();
		without = piece();
		if (i % 2 == 0)
			with = watched_piece();
		cpu[i] = without.cpu;
		wall[i] = without.wall;
		cpu_ratio[i] = with.cpu / without.cpu;
		wall_ratio[i] = with.wall / without.wall;
	}
	printf("calls %.0f calls/s\ncalls_watched %.0f calls/s\n", median(cpu),
	       median(cpu) * median(cpu_ratio));
	printf("wall_calls %.0f calls/s\nwall_calls_watched %.0f calls/s\n", median(wall),
	       median(wall) * median(wall_ratio));
	printf("pictures %lu pictures\nreloads %lu reloads\n", pictures, reloads);
	return 0;
}
