#!/bin/bash
# A child of fork with open and parked guests calls them, closes them, opens
# them again and exits cleanly; so does its parent.  A snapshot that a child has
# mapped stays until the child is gone, and is then collected.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cc_so v$v.so <<C
#include <stdio.h>
static int n = $v * 100;
int value(void) { return n++; }
__attribute__((destructor)) static void end(void) { puts("destructor $v"); }
C
done
cc_host host <<'C'
#define TEST_RAW
#include "host.h"
#include <sys/wait.h>

static int status_of(pid_t child)
{
	int status;

	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	if (!WIFEXITED(status))
		printf("child: signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	void *open, *parked, *h;
	pid_t child;
	int in[2], out[2];
	char c;

	setvbuf(stdout, NULL, _IONBF, 0);
	replace("v1.so", "open.so");
	replace("v1.so", "parked.so");
	open = open_guest("./open.so");
	printf("%d\n", call(open, "value"));
	parked = open_guest("./parked.so");
	printf("%d\n", call(parked, "value"));
	close_guest(parked);

	puts("-- a child that only exits");
	child = fork();
	if (!child)
		exit(3);
	CHECK(status_of(child) == 3);
	puts("-- a child that leaves by _exit");
	child = fork();
	if (!child)
		_exit(4);
	CHECK(status_of(child) == 4);

	puts("-- a child that uses them");
	child = fork();
	if (!child) {
		printf("%d\n", call(open, "value"));
		close_guest(open);
		CHECK(generation_of(open).state == GOAUDIT_PARKED);
		CHECK(open_guest("./open.so") == open);
		printf("%d\n", call(open, "value"));
		CHECK(open_guest("./parked.so") == parked);
		printf("%d\n", call(parked, "value"));
		CHECK(dlreload(parked) == parked);
		close_guest(parked);
		exit(5);
	}
	CHECK(status_of(child) == 5);

	puts("-- a child that brings in a new generation");
	replace("v2.so", "parked.so");
	child = fork();
	if (!child) {
		h = open_guest("./parked.so");
		printf("%d\n", call(h, "value"));
		replace("v1.so", "parked.so");
		h = dlreload(h);
		CHECK(h);
		printf("%d\n", call(h, "value"));
		close_guest(h);
		exit(6);
	}
	CHECK(status_of(child) == 6);

	puts("-- the parent goes on");
	printf("%d\n", call(open, "value"));
	CHECK(open_guest("./parked.so") == parked);
	printf("%d\n", call(parked, "value"));
	puts("-- the parent replaces what a child has mapped");
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	child = fork();
	if (!child) {
		close(in[1]);
		CHECK(write(out[1], "", 1) == 1);
		CHECK(read(in[0], &c, 1) == 0);	/* until it has replaced it */
		printf("child: %d, snapshot %s\n", call(parked, "value"),
		       access(generation_of(parked).snapshot, R_OK) == 0 ? "there" :
									   "gone");
		_exit(7);
	}
	CHECK(read(out[0], &c, 1) == 1);
	h = parked;
	replace("v2.so", "parked.so");
	parked = dlreload(parked);
	if (!parked)
		puts(dlerror());
	CHECK(parked && parked != h);
	printf("%d\n", call(parked, "value"));
	close_guest(parked);	/* and with that, the old one goes */
	CHECK(generation_of(h).state == GOAUDIT_FREE);
	close(in[1]);
	CHECK(status_of(child) == 7);

	puts("-- the parent ends first");
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	child = fork();
	if (!child) {
		close(in[1]);
		CHECK(write(out[1], "", 1) == 1);
		CHECK(read(in[0], &c, 1) == 0);	/* until the parent is gone */
		struct goaudit_generation gen = generation_of(open);
		printf("child: %d, snapshot %s\n", call(open, "value"),
		       access(gen.snapshot, R_OK) == 0 ? "there" : "gone");
		exit(0);
	}
	CHECK(read(out[0], &c, 1) == 1);
	return 0;
}
C
expect_refused ./host
# The last child outlives its parent: wait for both.
cc_host all <<'C'
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork() == 0)
		execvp(argv[1], argv + 1);
	while (wait(NULL) > 0)
		;
	return 0;
}
C
expect_output ./all env LD_AUDIT="$AUDIT" ./host <<'E'
100
100
-- a child that only exits
destructor 1
destructor 1
-- a child that leaves by _exit
-- a child that uses them
101
102
101
destructor 1
destructor 1
-- a child that brings in a new generation
destructor 1
200
100
destructor 2
destructor 1
destructor 1
-- the parent goes on
101
101
-- the parent replaces what a child has mapped
200
destructor 1
child: 102, snapshot there
-- the parent ends first
destructor 1
destructor 2
child: 102, snapshot there
destructor 1
destructor 2
E
# What the child has left is collected by the next process of this user.
cc_host next <<'C'
#define TEST_RAW
#include "host.h"
int main(void) { return open_guest("./open.so") == NULL; }
C
run_audited ./next >/dev/null
expect_no_snapshots
