#!/bin/bash
# goaudit_watch sees a new build in whatever way it comes: written, renamed or linked into
# place, into a folder that was made again or put in another one's place; while other files
# of the folder change without a pause, too.  A folder that goes away or comes without the
# file is no build.
. "$(dirname "$0")/../lib.sh"

for v in 1 2 3; do
	cc_so v$v.so <<<"int value(void) { return $v; }"
done
for v in 1 2; do
	cc_so needed$v.so <<<"int needed(void) { return $v; }"
done
ln needed1.so libneeded.so
cc_so uses.so -L. -lneeded -Wl,-rpath,'$ORIGIN/lib' <<<'int needed(void); int value(void) { return needed(); }'
cc_host host -pthread <<'C'
#include "host.h"
#include <poll.h>
#include <pthread.h>

static int events[2];
static int stop;

static void reloaded(void *handle, const char *error, void *arg)
{
	/* A copy may have been read in the middle: then it is read again. */
	CHECK(!error || write(events[1], "e", 1) == 1);
	CHECK(error || write(events[1], "r", 1) == 1);
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

static void *log_without_pause(void *folder)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof name, "%s/host.log", (char *)folder);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd >= 0 && write(fd, "line\n", 5) == 5)
			close(fd);
	}
	return NULL;
}

/* build: shell commands that put v2.so into the place of build/guest.so. */
static void try(const char *what, const char *prepare, const char *build)
{
	int (*value)(void);
	void *h;

	CHECK(system("rm -rf build old deps") == 0 && system(prepare) == 0);
	h = open_guest("build/guest.so");
	value = (int (*)(void))find(h, "value");
	CHECK(value() == 1);
	CHECK(goaudit_watch(h, reloaded, events) == 0);
	CHECK(system(build) == 0);
	while (next_event() != 'r' || value() != 2)
		;
	printf("%s\n", what);
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	while (!is_quiet())
		next_event();
	close_guest(h);
}

int main(void)
{
	pthread_t thread;
	void *h;

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(pipe(events) == 0);
	CHECK(unsetenv("LD_AUDIT") == 0);
	try("copied over", "mkdir build; cp v1.so build/guest.so", "cp v2.so build/guest.so");
	try("renamed over", "mkdir build; cp v1.so build/guest.so",
	    "cp v2.so build/x; mv build/x build/guest.so");
	try("hard link", "mkdir build deps; cp v1.so deps/guest.so; ln deps/guest.so build",
	    "rm deps/guest.so; cp v2.so deps/guest.so; rm build/guest.so; ln deps/guest.so build");
	try("hard link over it", "mkdir build deps; cp v1.so build/guest.so",
	    "cp v2.so deps/guest.so; ln -f deps/guest.so build/guest.so");
	try("removed and built", "mkdir build; cp v1.so build/guest.so",
	    "rm -rf build; mkdir build; cp v2.so build/guest.so");
	try("moved away", "mkdir build; cp v1.so build/guest.so",
	    "mv build old; mkdir build; cp v2.so build/guest.so");
	try("folder put in its place", "mkdir build deps; cp v1.so build/guest.so; cp v2.so deps/guest.so",
	    "mv build old; mv deps build");
	try("link to a folder", "mkdir old deps; cp v1.so old/guest.so; cp v2.so deps/guest.so; "
	    "ln -s old build", "ln -sfn deps build");
	try("relative link to a file", "mkdir build deps; cp v1.so deps/one; cp v2.so deps/two; "
	    "ln -s ../deps/./one build/guest.so", "ln -sfn ../build/../deps/two build/guest.so");

	/* A library that the guest needs. */
	try("what it needs", "mkdir -p build/lib; cp needed1.so build/lib/libneeded.so; cp uses.so build/guest.so",
	    "cp needed2.so build/lib/x; mv build/lib/x build/lib/libneeded.so");

	/* No build. */
	CHECK(system("rm -rf build; mkdir build; cp v1.so build/guest.so") == 0);
	h = open_guest("build/guest.so");
	CHECK(goaudit_watch(h, reloaded, events) == 0);
	CHECK(system("rm -rf build; mkdir build; touch build/other; mkdir build/folder") == 0);
	CHECK(is_quiet());
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	close_guest(h);

	CHECK(system("cp v1.so build/guest.so") == 0);
	CHECK(pthread_create(&thread, NULL, log_without_pause, "build") == 0);
	h = open_guest("build/guest.so");
	CHECK(goaudit_watch(h, reloaded, events) == 0);
	replace("v2.so", "build/guest.so");
	CHECK(next_event() == 'r');
	printf("in a busy folder: %d\n", call(h, "value"));
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK(pthread_join(thread, NULL) == 0);
	close_guest(h);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
copied over
renamed over
hard link
hard link over it
removed and built
moved away
folder put in its place
link to a folder
relative link to a file
what it needs
in a busy folder: 2
E
expect_no_snapshots
