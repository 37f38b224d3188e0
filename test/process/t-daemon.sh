#!/bin/bash
# Only a fork after the Go runtime has started keeps Go guests out of a child: daemon(3)
# before the first guest, twice, and after a C guest was opened, does not.  A child that
# has no runtime is told so, however it was made; also while another thread starts it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file guest/main.go <<'GO'
package main

import "C"

//export Value
func Value() C.int { return 7 }

func main() {}
GO
build_guest guest.so guest
cp guest.so unopened.so
cc_so c.so <<<'int value(void) { return 1; }'
cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int go_value(void) { return ((int (*)(void))find(open_guest("./guest.so"), "Value"))(); }

static void end_well(pid_t child)
{
	int status;

	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		printf("child: signal %d\n", WTERMSIG(status));
	CHECK(status == 0);
}

/* Opens it, or is told that it cannot. */
static void refused(const char *how)
{
	const char *text;

	alarm(60);
	text = dlopen("./unopened.so", FLAGS) ? "opened" : dlerror();
	printf("%s: %s\n", how, strchr(text, ':') + 2);
	fflush(stdout);
	_exit(0);
}

static void *open_it(void *arg)
{
	CHECK(go_value() == 7);
	return arg;
}

static void become(int times, const char *what)
{
	for (int i = 0; i < times; i++) {
		pid_t child = fork();

		if (child)
			end_well(child), exit(0);
		setsid();
	}
	printf("%s: %d\n", what, go_value());
	void *h = open_guest("./guest.so");
	CHECK(dlreload(h) == h);
	close_guest(h);
	close_guest(h);
	CHECK(goaudit_reclaim(h, -1) == 0);
}

int main(int argc, char **argv)
{
	struct goaudit_runtime rt;
	pthread_t t;
	pid_t child;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[1], "daemon") == 0) {
		become(1, "daemon");
	} else if (strcmp(argv[1], "twice") == 0) {
		become(2, "daemon twice");
	} else if (strcmp(argv[1], "later") == 0) {
		CHECK(call(open_guest("./c.so"), "value") == 1);
		become(1, "after a C guest");
	} else if (strcmp(argv[1], "starting") == 0) {
		/* Another thread may not have begun, be at any point, or be done. */
		CHECK(pthread_create(&t, NULL, open_it, NULL) == 0);
		for (int i = 0; i < 200; i++)
			sched_yield();
		if ((child = fork()) == 0) {
			alarm(60);
			void *h = dlopen("./guest.so", FLAGS);
			CHECK(h || strstr(dlerror(), "forked child"));
			CHECK(call(open_guest("./c.so"), "value") == 1);
			_exit(0);
		}
		end_well(child);
		pthread_join(t, NULL);
		puts("starting: returns");
	} else {
		CHECK(go_value() == 7);
		if ((child = fork()) == 0) {
			if ((child = fork()) == 0)
				refused("grandchild");
			end_well(child);
			CHECK(call(open_guest("./c.so"), "value") == 1);
			CHECK(goaudit_runtime_stats(&rt, sizeof rt, 0) == -1);
			refused("fork");
		}
		end_well(child);
		if ((child = _Fork()) == 0)
			refused("_Fork");
		end_well(child);
		if ((child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0)
			refused("clone");
		end_well(child);
		CHECK(system("exit 0") == 0);	/* posix_spawn(3) */
		CHECK(goaudit_runtime_stats(&rt, sizeof rt, 1) == 0);
		printf("parent: %d\n", go_value());
	}
	return 0;
}
C
for how in "daemon=daemon: 7" "twice=daemon twice: 7" "later=after a C guest: 7"; do
	expect_output run_audited ./host "${how%%=*}" <<<"${how#*=}"
done
for _ in $(seq 5); do expect_output run_audited ./host starting <<<'starting: returns'; done
text='the Go runtime does not run in a forked child: exec a program first'
expect_output run_audited ./host started <<E
grandchild: $text
fork: $text
_Fork: $text
clone: $text
parent: 7
E
