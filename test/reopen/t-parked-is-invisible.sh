#!/bin/bash
# A closed guest is in nobody's sight: not in dl_iterate_phdr, dladdr,
# dlsym(RTLD_DEFAULT) although it was opened RTLD_GLOBAL, nor for RTLD_NOLOAD.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<'C'
int guest_value = 5;
int guest_function(void) { return guest_value; }
C
cc_so user.so <<'C'
extern int guest_function(void);
int use(void) { return guest_function(); }
C
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

static int seen(struct dl_phdr_info *info, size_t size, void *data)
{
	return strstr(info->dlpi_name, "guest.so") != NULL;
}

/* Which of the ways in find the guest. */
static void look(const char *when, const void *function, void *h)
{
	int listed = 0;
	Dl_info info;
	void *again;

	for (struct link_map *m = dlopen(NULL, RTLD_LAZY); m; m = m->l_next)
		listed |= m == h;
	again = dlopen("./guest.so", RTLD_LAZY | RTLD_NOLOAD);
	printf("%s: iterate %d, map %d, dladdr %d, default %d, noload %d",
	       when, dl_iterate_phdr(seen, NULL), listed,
	       function && dladdr(function, &info),
	       dlsym(RTLD_DEFAULT, "guest_function") != NULL, again != NULL);
	CHECK(!again || again == h);
	if (again)
		CHECK(dlclose(again) == 0);
	again = dlopen("./guest.so", FLAGS | RTLD_NOLOAD);
	printf(", reloadable noload %d\n", again != NULL);
	if (again)
		CHECK(dlclose(again) == 0);
}

static void cycle(int mode, const char *title)
{
	void *h, *user;
	int (*function)(void);

	printf("-- %s\n", title);
	h = open_mode("./guest.so", FLAGS | mode);
	function = (int (*)(void))find(h, "guest_function");
	look("open", function, h);
	close_guest(h);
	look("parked", function, h);
	CHECK(!dlopen("./user.so", RTLD_NOW));
	CHECK(strstr(dlerror(), "undefined symbol: guest_function"));
	CHECK(open_mode("./guest.so", FLAGS | mode) == h);
	look("reopened", function, h);
	user = dlopen("./user.so", RTLD_NOW);
	printf("user: %d\n", user ? call(user, "use") : -1);
	if (user)
		CHECK(dlclose(user) == 0);
	close_guest(h);
	look("parked", function, h);
}

int main(void)
{
	look("never opened", NULL, NULL);
	cycle(0, "local");
	cycle(RTLD_GLOBAL, "global");
	/* As with glibc: once global, always global. */
	cycle(0, "local again");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
never opened: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
-- local
open: iterate 1, map 1, dladdr 1, default 0, noload 1, reloadable noload 1
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
reopened: iterate 1, map 1, dladdr 1, default 0, noload 1, reloadable noload 1
user: -1
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
-- global
open: iterate 1, map 1, dladdr 1, default 1, noload 1, reloadable noload 1
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
reopened: iterate 1, map 1, dladdr 1, default 1, noload 1, reloadable noload 1
user: 5
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
-- local again
open: iterate 1, map 1, dladdr 1, default 1, noload 1, reloadable noload 1
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
reopened: iterate 1, map 1, dladdr 1, default 1, noload 1, reloadable noload 1
user: 5
parked: iterate 0, map 0, dladdr 0, default 0, noload 0, reloadable noload 0
E
expect_no_snapshots
