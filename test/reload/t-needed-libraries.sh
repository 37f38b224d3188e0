#!/bin/bash
# A library that only guests need, directly or by another one, is reloaded with them: its
# new build makes its users changed, an unchanged one keeps its state, two guests have the
# same one as long as its file is the same, and it goes with the last of them.  Neither
# an overwritten nor a missing file of it does harm to what runs.
. "$(dirname "$0")/../lib.sh"

mkdir -p lib builds
# SONAMEs, so that ld.so knows them by name once they are there.
deep() { cc_so builds/deep-$1 -Wl,-soname,libdeep.so <<<"int deep(void) { static int n; return 100 * $1 + n++; }"; }
deep 1; deep 2
cp builds/deep-1 lib/libdeep.so
for v in 1 2; do
	cc_so builds/helper-$v -DV=$v -Llib -ldeep -Wl,-soname,libhelper.so -Wl,-rpath,'$ORIGIN' <<'C'
#include <stdio.h>
int deep(void);
int helper(void) { static int n; return 10000 * V + 1000 * n++ + deep(); }
#if V > 1
int fresh(void) { return 9; }
#endif
__attribute__((destructor)) static void end(void) { printf("end of helper %d\n", V); }
C
done
cp builds/helper-1 lib/libhelper.so.1
ln -s libhelper.so.1 lib/libhelper.so
for name in one two; do
	cc_so $name.so -Llib -lhelper -Wl,-rpath,'$ORIGIN/lib' <<<'int helper(void); int value(void) { return helper(); }'
done
cp builds/helper-2 lib/libhelper.so.1
cc_so builds/uses-fresh -Llib -lhelper -Wl,-rpath,'$ORIGIN/lib' <<'C'
int fresh(void); int helper(void); int value(void) { return fresh() + helper(); }
C
cp builds/helper-1 lib/libhelper.so.1
cc_so builds/refuses -Llib -lhelper -Wl,-rpath,'$ORIGIN/lib' <<'C'
int helper(void); int other(void) { return helper(); }
C
cc_host host <<'C'
#include "host.h"

static struct goaudit_generation g[64];
static size_t n;

/* Generations of a file in a state. */
static int count(const char *name, unsigned state)
{
	int found = 0;

	n = goaudit_generations(g, 64, sizeof *g);
	for (size_t i = 0; i < n; i++)
		found += strcmp(strrchr(g[i].path, '/') + 1, name) == 0 && g[i].state == state;
	return found;
}

#define STATES(name, open, parked, gone)                                        \
	CHECK(count(name, GOAUDIT_OPEN) == open &&                              \
	      count(name, GOAUDIT_PARKED) == parked && count(name, GOAUDIT_GONE) == gone)

int main(void)
{
	void *one, *two, *helper;
	int (*first)(void), (*second)(void), (*found)(void);
	Dl_info info;

	setvbuf(stdout, NULL, _IONBF, 0);
	one = open_guest("./one.so");
	first = (int (*)(void))find(one, "value");
	printf("%d", first());
	STATES("libhelper.so.1", 1, 0, 0);
	STATES("libdeep.so", 1, 0, 0);
	CHECK(dladdr(dlsym(one, "helper"), &info) && strstr(info.dli_fname, "/lib/libhelper.so.1"));
	found = (int (*)(void))find(one, "helper");
	close_guest(one);
	STATES("libhelper.so.1", 0, 1, 0);
	STATES("libdeep.so", 0, 1, 0);
	CHECK(!dlopen("lib/libhelper.so", RTLD_NOW | RTLD_NOLOAD));

	/* Unchanged, by the files' content. */
	overwrite("builds/deep-1", "lib/libdeep.so");
	CHECK(open_guest("./one.so") == one);
	printf(", %d unchanged\n", first());
	CHECK(dlreload(one) == one && generation_of(one).number == 1);
	STATES("libhelper.so.1", 1, 0, 0);

	/* Overwritten, while it runs and while it is parked: what runs is not the file. */
	overwrite("two.so", "lib/libhelper.so.1");
	printf("overwritten: %d", first());
	close_guest(one);
	printf(", parked: %d\n", first());
	overwrite("builds/helper-1", "lib/libhelper.so.1");
	CHECK(open_guest("./one.so") == one && generation_of(one).number == 1);

	/* The second guest shares it. */
	two = open_guest("./two.so");
	second = (int (*)(void))find(two, "value");
	printf("shared: %d", second());
	printf(", %d\n", first());
	STATES("libhelper.so.1", 1, 0, 0);

	/* A new build of what the library needs. */
	replace("builds/deep-2", "lib/libdeep.so");
	CHECK(dlreload(one) == one && generation_of(one).number == 2);
	printf("deep changed: %d", first());
	printf(", the other %d\n", second());
	CHECK(dlreload(two) == two && generation_of(two).number == 2);
	printf("both: %d", first());
	printf(", %d\n", second());
	close_guest(two);

	/* Of the library itself, with a function that the guest's new build uses. */
	replace("builds/helper-2", "lib/libhelper.so.1");
	replace("builds/uses-fresh", "one.so");
	CHECK(dlreload(one) == one);
	printf("fresh: %d", first());
	printf(", by an address of before: %d\n", found());
	close_guest(one);
	one = open_guest("./one.so");

	/* A guest that is refused: the old one has the old library. */
	replace("builds/refuses", "one.so");
	replace("builds/helper-1", "lib/libhelper.so.1");
	CHECK(!dlreload(one));
	printf("refused: %d\n", first());
	CHECK(unlink("lib/libhelper.so.1") == 0);
	CHECK(!dlreload(one));
	printf("missing: %s\n", strstr(dlerror(), "libhelper"));
	printf("goes on: %d\n", first());
	close_guest(one);
	CHECK(!dlopen("./one.so", FLAGS));
	replace("builds/helper-1", "lib/libhelper.so.1");

	/* The host opens the library itself: the same one, by any name. */
	two = open_guest("./two.so");
	printf("two: %d\n", second());
	CHECK(link("lib/libhelper.so.1", "lib/hard.so") == 0);
	helper = dlopen("lib/hard.so", RTLD_NOW | RTLD_NOLOAD);
	CHECK(helper && helper == dlopen("lib/libhelper.so", RTLD_NOW));
	CHECK(helper == open_guest("lib/libhelper.so"));
	printf("the same: %d", call(helper, "helper"));
	printf(", %d\n", second());
	close_guest(two);
	printf("alone: %d\n", call(helper, "helper"));
	CHECK(dlclose(helper) == 0 && dlclose(helper) == 0 && dlclose(helper) == 0);
	STATES("libhelper.so.1", 0, 1, count("libhelper.so.1", GOAUDIT_GONE));
	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
10100, 11101 unchanged
overwritten: 12102, parked: 13103
shared: 14104, 15105
deep changed: 10200, the other 16106
both: 11201, 12202
end of helper 1
fresh: 20212, by an address of before: 21204
end of helper 1
refused: 22214
missing: libhelper.so: cannot open shared object file: No such file or directory
goes on: 23215
end of helper 1
two: 10207
the same: 11208, 12209
alone: 13210
end of main
end of helper 1
end of helper 2
E
expect_no_snapshots
