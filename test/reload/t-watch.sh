#!/bin/bash
# goaudit_watch: a file that is renamed over, or written into in two steps, is
# reloaded on another thread; a bad build is reported and the old one goes on; other
# files of the folder do not matter; after the stop nothing is called any more, also
# when the callback itself has stopped it.
. "$(dirname "$0")/../lib.sh"

for v in 1 2 3; do
	cc_so v$v.so <<<"int value(void) { return $v; }"
done
head -c 5000 v2.so >bad.so
cc_host host -pthread <<'C'
#include "host.h"
#include <poll.h>

static int events[2];
static int stop_in_callback;

static void reloaded(void *handle, const char *error, void *arg)
{
	char c = error ? 'e' : 'r';

	CHECK(arg == events);
	if (error) {
		printf("%.9s: %s\n", strrchr(error, '/') ? strstr(error, "guest.so") : error,
		       strstr(error, ": ") + 2);
		fflush(stdout);
	}
	if (stop_in_callback)
		CHECK(goaudit_watch(handle, NULL, NULL) == 0);
	CHECK(write(events[1], &c, 1) == 1);
}

static char next_event(void)
{
	char c;

	CHECK(read(events[0], &c, 1) == 1);
	return c;
}

static int is_quiet(void)
{
	struct pollfd p = { .fd = events[0], .events = POLLIN };

	return poll(&p, 1, 150) == 0;
}

int main(int argc, char **argv)
{
	int (*value)(void);
	char bytes[20000];
	void *h;
	int fd, n;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	value = (int (*)(void))find(h, "value");
	CHECK(pipe(events) == 0);
	CHECK(goaudit_watch(h, NULL, NULL) == -1 && strstr(dlerror(), "is not watched"));
	CHECK(goaudit_watch(events, reloaded, events) == -1 && dlerror());
	CHECK(goaudit_watch(h, reloaded, events) == 0);
	printf("%d\n", value());
	replace("v2.so", "guest.so");
	CHECK(next_event() == 'r');
	printf("renamed over: %d\n", value());
	fd = open("v3.so", O_RDONLY);
	n = read(fd, bytes, sizeof bytes);
	close(fd);
	fd = open("guest.so", O_WRONLY | O_TRUNC);
	CHECK(write(fd, bytes, 1000) == 1000 && fsync(fd) == 0);
	CHECK(write(fd, bytes + 1000, n - 1000) == n - 1000 && close(fd) == 0);
	while (next_event() != 'r')		/* half of it may have been seen */
		;
	while (value() != 3)
		CHECK(next_event());
	printf("written into: %d\n", value());
	replace("bad.so", "guest.so");
	CHECK(next_event() == 'e');
	printf("bad: %d\n", value());
	replace("v1.so", "other.so");
	CHECK(is_quiet());
	replace("v2.so", "guest.so");
	CHECK(next_event() == 'r');
	printf("good: %d\n", value());
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	replace("v3.so", "guest.so");
	CHECK(is_quiet());
	stop_in_callback = 1;
	CHECK(goaudit_watch(h, reloaded, events) == 0);
	replace("v1.so", "guest.so");
	CHECK(next_event() == 'r');
	replace("v2.so", "guest.so");
	CHECK(is_quiet());
	printf("stopped: %d\n", value());
	close_guest(h);
	return 0;
}
C
run_audited ./host >out 2>&1 || fail "$(cat out)"
# Half of a file may have been read, and reported.
grep -v "written\|^guest.so:: truncated" out >rest || :
expect_output cat rest <<'E'
1
renamed over: 2
bad: 3
good: 2
stopped: 1
E
grep -q "^written into: 3" out || fail "$(cat out)"
grep -q "truncated" out || fail "$(cat out)"
expect_no_snapshots
