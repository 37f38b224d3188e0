/* From a new build to its first answer, in four ways:
 *
 *	swap swap GUEST A B [N] dlreload of a guest that changes between A and B, N times,
 *	                        and a call by an address that was taken before
 *	swap table A B          C plugins: dlopen, dlsym, an entry of a table of function
 *	                        pointers replaced, the first call by it, dlclose
 *	swap restart GUEST      this program started anew, until its first call of the guest
 *	swap process            a plugin that is a process: the old one ended, a new one
 *	                        started, its first answer read from a pipe
 *
 * Prints lines "NAME VALUE UNIT"; test/bench/run puts them side by side. */
#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "goaudit.h"
#include "measure.h"

#define ROUNDS 201

extern char **environ;

typedef long add_fn(long, long);

static void need(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "swap: %s: %s\n", what, dlerror());
	exit(1);
}

/* An atomic replacement by a hard link, as an installer's rename. */
static void put(const char *from, const char *to)
{
	char temporary[4096];

	snprintf(temporary, sizeof temporary, "%s.new", to);
	unlink(temporary);
	need(link(from, temporary) == 0 && rename(temporary, to) == 0, to);
}

static int swap(char **a)
{
	static double v[ROUNDS], call[ROUNDS];
	int rounds = a[3] && atoi(a[3]) > 0 && atoi(a[3]) < ROUNDS ? atoi(a[3]) : ROUNDS;
	add_fn *add;
	void *h;

	put(a[1], a[0]);
	h = dlopen(a[0], RTLD_NOW | RTLD_RELOADABLE);
	need(h != NULL, a[0]);
	add = (add_fn *)dlsym(h, "Add");
	need(add != NULL && add(1, 2) == 3, "Add");
	for (int i = 0; i < rounds; i++) {
		put(a[1 + (i + 1) % 2], a[0]);
		double t = ns();

		need(dlreload(h) == h, "dlreload");
		need(add(i, 1) == i + 1, "Add");
		v[i] = ns() - t;
		goaudit_reclaim(NULL, -1);
	}
	for (int i = 0; i < rounds; i++) {
		double t = ns();

		for (int k = 0; k < 1000; k++)
			add(k, 1);
		call[i] = (ns() - t) / 1000;
	}
	printf("swap %.2f us\nswap_call %.2f ns\n", median(v, rounds) / 1e3,
	       median(call, rounds));
	return 0;
}

static int table(char **a)
{
	static add_fn *volatile entry[1];
	static double v[ROUNDS], call[ROUNDS];
	void *h = NULL, *next;

	for (int i = 0; i < ROUNDS; i++) {
		double t = ns();

		next = dlopen(a[i % 2], RTLD_NOW);
		need(next != NULL, a[i % 2]);
		entry[0] = (add_fn *)dlsym(next, "Add");
		need(entry[0](i, 1) == i + 1, "Add");
		if (h)
			dlclose(h);
		v[i] = ns() - t;
		h = next;
	}
	for (int i = 0; i < ROUNDS; i++) {
		double t = ns();

		for (int k = 0; k < 1000; k++)
			entry[0](k, 1);
		call[i] = (ns() - t) / 1000;
	}
	printf("table %.2f us\ntable_call %.2f ns\n", median(v, ROUNDS) / 1e3,
	       median(call, ROUNDS));
	return 0;
}

static int first_call(const char *guest)
{
	void *h = dlopen(guest, RTLD_NOW | RTLD_RELOADABLE);
	add_fn *add = h ? (add_fn *)dlsym(h, "Add") : NULL;

	need(add && add(1, 2) == 3, guest);
	return write(1, "x", 1) != 1;
}

static int serve(void)
{
	long v[2], sum;

	while (read(0, v, sizeof v) == sizeof v) {
		sum = v[0] + v[1];
		if (write(1, &sum, sizeof sum) != sizeof sum)
			return 1;
	}
	return 0;
}

struct child {
	pid_t pid;
	int in, out;
};

static struct child start(char *const *argv)
{
	posix_spawn_file_actions_t actions;
	struct child c;
	int to[2], from[2];

	need(pipe(to) == 0 && pipe(from) == 0, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], 0);
	posix_spawn_file_actions_adddup2(&actions, from[1], 1);
	posix_spawn_file_actions_addclose(&actions, to[1]);
	posix_spawn_file_actions_addclose(&actions, from[0]);
	need(posix_spawn(&c.pid, argv[0], &actions, NULL, argv, environ) == 0, argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(to[0]);
	close(from[1]);
	c.in = to[1];
	c.out = from[0];
	return c;
}

static void end(struct child c)
{
	close(c.in);
	close(c.out);
	waitpid(c.pid, NULL, 0);
}

static int restart(char *self, char *guest)
{
	char *const argv[] = { self, "first-call", guest, NULL };
	static double v[31];
	struct child c;
	char x;

	for (int i = 0; i < 31; i++) {
		double t = ns();

		c = start(argv);
		need(read(c.out, &x, 1) == 1, "first call");
		v[i] = ns() - t;
		end(c);
	}
	printf("restart %.2f us\n", median(v, 31) / 1e3);
	return 0;
}

static long ask(struct child c, long a, long b)
{
	long v[2] = { a, b }, sum = 0;

	need(write(c.in, v, sizeof v) == sizeof v &&
		     read(c.out, &sum, sizeof sum) == sizeof sum,
	     "plugin process");
	return sum;
}

static int process(char *self)
{
	char *const argv[] = { self, "serve", NULL };
	static double v[ROUNDS], call[ROUNDS];
	struct child c = start(argv);

	for (int i = 0; i < ROUNDS; i++) {
		double t = ns();

		end(c);
		c = start(argv);
		need(ask(c, i, 1) == i + 1, "plugin process");
		v[i] = ns() - t;
	}
	for (int i = 0; i < ROUNDS; i++) {
		double t = ns();

		for (int k = 0; k < 10; k++)
			ask(c, k, 1);
		call[i] = (ns() - t) / 10;
	}
	end(c);
	printf("process %.2f us\nprocess_call %.2f ns\n", median(v, ROUNDS) / 1e3,
	       median(call, ROUNDS));
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "swap") == 0 && (argc == 5 || argc == 6))
		return swap(argv + 2);
	if (strcmp(what, "table") == 0 && argc == 4)
		return table(argv + 2);
	if (strcmp(what, "restart") == 0 && argc == 3)
		return restart(argv[0], argv[2]);
	if (strcmp(what, "first-call") == 0 && argc == 3)
		return first_call(argv[2]);
	if (strcmp(what, "process") == 0)
		return process(argv[0]);
	if (strcmp(what, "serve") == 0)
		return serve();
	fprintf(stderr, "usage: see the head of test/bench/swap.c\n");
	return 2;
}
