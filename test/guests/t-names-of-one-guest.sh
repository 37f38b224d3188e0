#!/bin/bash
# However a guest is named - a bare name found through LD_LIBRARY_PATH or the
# host's RUNPATH, its SONAME, a symbolic link, a hard link, a path with detours -
# it is one guest, and a later change is seen under every name; another file that has
# come to have its inode is not.
. "$(dirname "$0")/../lib.sh"

mkdir -p env run
cat >guest.c <<'C'
int value(void) { static int n = BASE; return n++; }
C
cc_so env/one.so -DBASE=100 <guest.c
cc_so run/two.so -DBASE=200 -Wl,-soname,two.so <guest.c
cc_so run/two-b.so -DBASE=300 -Wl,-soname,two.so <guest.c
cc_so run/real.so.1.2 -DBASE=400 -Wl,-soname,real.so.1 <guest.c
cc_so run/real-b -DBASE=500 -Wl,-soname,real.so.1 <guest.c
ln -s real.so.1.2 run/real.so.1
ln -s real.so.1 run/real.so
ln -s "$PWD/run" linked
ln run/real.so.1.2 run/hard.so
cc_so run/uses.so -DBASE=0 run/two.so -Wl,-rpath,'$ORIGIN' <<'C'
int value(void);
int use(void) { return value() + 10000; }
C

cc_host host -Wl,-rpath,'$ORIGIN/run' <<'C'
#include "host.h"

static void *same(void *h, const char *const *names)
{
	for (; *names; names++) {
		void *other = open_guest(*names);

		if (!h)
			h = other;
		if (h != other)
			printf("%s is another one\n", *names);
	}
	return h;
}

static void close_all(void *h)
{
	while (generation_of(h).references)
		close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
}

int main(void)
{
	static const char *const one[] = { "one.so", "env/one.so",
		"./env/../env/one.so", "$ORIGIN/env/one.so", NULL };
	static const char *const two[] = { "two.so", "run/two.so", "linked/two.so",
		"${ORIGIN}/linked/two.so", NULL };
	static const char *const real[] = { "real.so", "real.so.1", "real.so.1.2",
		"run/real.so", "hard.so", "linked/hard.so", NULL };
	const char *const *all[] = { one, two, real };
	void *h, *uses, *other;
	char path[PATH_MAX];

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < 3; i++) {
		h = same(NULL, all[i]);
		printf("%s: %d, %s\n", all[i][0], call(h, "value"),
		       generation_of(h).path + strlen(getenv("TEST_DIR")));
		for (int k = 0; all[i][k]; k++) {
			close_all(h);
			if (strstr(all[i][k], "hard"))
				continue;	/* see below */
			CHECK(open_guest(all[i][k]) == h);
		}
		if (generation_of(h).references)
			close_all(h);
	}

	/* A change is seen by every name. */
	replace("run/two-b.so", "run/two.so");
	h = open_guest("two.so");
	printf("changed: %d\n", call(h, "value"));
	CHECK(open_guest("linked/two.so") == h);

	/* An ordinary library that needs it by its SONAME gets this one. */
	uses = open_mode("./run/uses.so", RTLD_NOW);
	printf("used: %d\n", call(uses, "use"));
	close_guest(uses);

	/* By its SONAME, while it is open, for whoever does not know the flag. */
	CHECK(open_mode("two.so", RTLD_NOW) == h);
	CHECK(generation_of(h).references == 3);
	close_all(h);

	/* The link points to another file: that is another guest. */
	CHECK(symlink("real-b", "run/new") == 0);
	CHECK(rename("run/new", "run/real.so") == 0);
	h = open_guest("real.so");
	printf("other target: %d\n", call(h, "value"));
	close_all(h);

	/* A file that has the number of one that has been replaced is another guest, or,
	 * without the flag, none. */
	h = open_guest("env/one.so");
	CHECK(rename("env/one.so", "env/other.so") == 0);
	overwrite("run/real-b", "env/one.so");
	overwrite("run/two.so", "env/other.so");
	other = open_mode("env/other.so", RTLD_NOW);
	printf("recycled: %d", call(other, "value"));
	close_guest(other);
	other = open_guest("env/other.so");
	printf(" %d, %d\n", call(other, "value"), call(h, "value"));
	close_all(other);
	close_all(h);
	puts("end of main");
	return 0;
}
C
expect_output run_audited env LD_LIBRARY_PATH=env ./host <<'E'
one.so: 100, /env/one.so
two.so: 200, /run/two.so
real.so: 400, /run/real.so.1.2
changed: 300
used: 10301
other target: 500
recycled: 300 300, 101
end of main
E
expect_no_snapshots
