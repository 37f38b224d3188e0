#!/bin/bash
# dlreload of an open guest: unchanged it returns the same handle with its state;
# changed it returns a new one, whose code runs from then on; the old code still
# runs to its end when it is the one that has called dlreload: what dlreload has
# replaced is destroyed at the guest's next step.
. "$(dirname "$0")/../lib.sh"

source_of() { # GENERATION
	cat <<C
#include <stdio.h>
static int n;
int value(void) { return $1 * 100 + n++; }
int reload_from_within(void *(*reload)(void))
{
	void *h = reload();
	printf("still in generation $1: %d\n", value());
	return h != 0;
}
__attribute__((constructor)) static void start(void) { puts("constructor $1"); }
__attribute__((destructor)) static void end(void) { puts("destructor $1"); }
C
}
for i in 1 2 3; do source_of $i | cc_so v$i.so; done
cp v1.so guest.so
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

static void *handle;

static void *reload(void)
{
	void *h = dlreload(handle);

	if (!h)
		printf("dlreload: %s\n", dlerror());
	CHECK(h);
	return handle = h;
}

int main(void)
{
	void *h, *h1, *h2;
	int files, maps;

	setvbuf(stdout, NULL, _IONBF, 0);
	h1 = handle = open_guest("./guest.so");
	printf("%d\n", call(h1, "value"));
	files = open_files();
	maps = maps_with("guest.so");
	CHECK(reload() == h1);
	printf("unchanged: %d\n", call(h1, "value"));

	replace("v2.so", "guest.so");
	h2 = reload();
	CHECK(h2 != h1);
	printf("changed: %d\n", call(h2, "value"));
	CHECK(generation_of(h2).references == 1 && generation_of(h2).number == 2);
	CHECK(reload() == h2);
	printf("unchanged: %d\n", call(h2, "value"));

	/* The caller's is the only reference: the old code returns all the same. */
	replace("v3.so", "guest.so");
	((int (*)(void *(*)(void)))find(h2, "reload_from_within"))(reload);
	printf("changed from within: %d\n", call(handle, "value"));

	/* A second reference of the same opener is one of the old generation's. */
	h = open_guest("./guest.so");
	CHECK(h == handle && generation_of(h).references == 2);
	replace("v1.so", "guest.so");
	CHECK(reload() != h);
	CHECK(generation_of(h).state == GOAUDIT_SUPERSEDED);
	CHECK(generation_of(h).references == 1);
	printf("superseded: %d, current: %d\n", call(h, "value"),
	       call(handle, "value"));
	close_guest(h);
	printf("current: %d\n", call(handle, "value"));

	close_guest(handle);
	CHECK(open_guest("./guest.so") == handle);
	printf("reopened: %d\n", call(handle, "value"));
	close_guest(handle);
	/* Closed: no handle to reload any more. */
	CHECK(!dlreload(handle));
	puts(strchr(dlerror(), ':'));
	CHECK(!dlreload(NULL));
	puts(strchr(dlerror(), ':'));
	h = open_mode("libm.so.6", RTLD_NOW);
	CHECK(!dlreload(h));
	puts(strchr(dlerror(), ':'));
	CHECK(!dlerror());
	CHECK(call(h, "fegetround") == 0);
	close_guest(h);
	CHECK(open_files() == files && maps_with("guest.so") == maps);
	puts("end of main");
	return 0;
}
C
expect_refused ./host
cp v1.so guest.so
expect_output run_audited ./host <<'E'
constructor 1
100
unchanged: 101
constructor 2
changed: 200
unchanged: 201
constructor 3
destructor 1
still in generation 2: 202
changed from within: 300
constructor 1
destructor 2
superseded: 301, current: 100
destructor 3
current: 101
reopened: 102
: not an open handle of a reloadable object: open it with RTLD_RELOADABLE first
: not an open handle of a reloadable object: open it with RTLD_RELOADABLE first
: not an open handle of a reloadable object: open it with RTLD_RELOADABLE first
end of main
destructor 1
E
expect_no_snapshots
