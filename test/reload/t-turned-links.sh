#!/bin/bash
# A guest's name may come to lead elsewhere - a symbolic link to a file or to a folder is
# turned, before or after the working folder has changed: dlreload, goaudit_watch and a
# reopen run what stands there then, with its $ORIGIN, and the old build goes.
. "$(dirname "$0")/../lib.sh"

mkdir v1 v2 v3
for v in 1 2 3; do
	cc_so v$v/guest.so <<<"int value(void) { return $v; }"
	cp v$v/guest.so build-$v
done
cp v2/guest.so same.so
cc_host host -pthread <<'C'
#include "host.h"

static int events[2];

static void turn(const char *link, const char *to)
{
	CHECK(symlink(to, "turning") == 0 && rename("turning", link) == 0);
}

static void reloaded(void *handle, const char *error, void *arg)
{
	CHECK(write(events[1], error ? "e" : "r", 1) == 1);
}

static char next_event(void)
{
	char c;

	CHECK(read(events[0], &c, 1) == 1);
	return c;
}

static const char *path_of(void *h)
{
	static struct goaudit_generation g;

	g = generation_of(h);
	return g.path + strlen(getenv("TEST_DIR"));
}

static void by_reload(const char *name, const char *link, const char *one, const char *two)
{
	void *h;
	int (*value)(void);
	char folder[PATH_MAX];

	turn(link, one);
	h = open_guest(name);
	value = (int (*)(void))find(h, "value");
	printf("%s: %d", name, value());
	turn(link, two);
	CHECK(chdir("/") == 0);
	CHECK(dlreload(h) == h);
	CHECK(chdir(getenv("TEST_DIR")) == 0);
	CHECK(dlinfo(h, RTLD_DI_ORIGIN, folder) == 0);
	printf(", %d, %s in %s\n", value(), path_of(h), folder + strlen(getenv("TEST_DIR")));
	/* Nothing has changed: no other generation. */
	CHECK(dlreload(h) == h && generation_of(h).number == 2);
	/* Back, and by the target's own name it is the same guest. */
	turn(link, one);
	CHECK(dlreload(h) == h && value() == 1);
	/* Nothing there: the old one goes on. */
	CHECK(unlink(link) == 0);
	CHECK(!dlreload(h) && strstr(dlerror(), name[0] == '/' ? name : name + 2));
	CHECK(value() == 1);
	/* Closed meanwhile: a reopen is the same guest, and the addresses lead there. */
	close_guest(h);
	turn(link, two);
	CHECK(open_guest(name) == h);
	printf("reopened: %d\n", value());
	CHECK(maps_with(strrchr(path_of(h), '/')) <= 5);
	close_guest(h);
}

int main(void)
{
	char name[PATH_MAX];
	void *h, *other;
	int (*value)(void);

	setvbuf(stdout, NULL, _IONBF, 0);
	by_reload("./current/guest.so", "current", "v1", "v2");
	by_reload("./link.so", "link.so", "build-1", "build-2");

	/* The same bytes in another folder are another build; their $ORIGIN is not. */
	turn("where", "v2");
	h = open_guest("where/guest.so");
	CHECK(mkdir("v4", 0700) == 0 && rename("same.so", "v4/guest.so") == 0);
	turn("where", "v4");
	CHECK(dlreload(h) == h);
	printf("same bytes: %s\n", path_of(h));
	close_guest(h);

	/* One that is open stays what it is for those who open the link anew. */
	turn("current", "v1");
	h = open_guest("current/guest.so");
	value = (int (*)(void))find(h, "value");
	turn("current", "v3");
	other = open_guest("current/guest.so");
	printf("open: %d, %d\n", value(), call(other, "value"));
	close_guest(other);

	CHECK(pipe(events) == 0);
	CHECK(goaudit_watch(h, reloaded, NULL) == 0);
	turn("current", "v2");
	CHECK(next_event() == 'r');
	printf("watched: %d\n", value());
	CHECK(goaudit_watch(h, NULL, NULL) == 0);
	close_guest(h);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
./current/guest.so: 1, 2, /v2/guest.so in /v2
reopened: 2
./link.so: 1, 2, /build-2 in 
reopened: 2
same bytes: /v4/guest.so
open: 1, 3
watched: 2
E
expect_no_snapshots
