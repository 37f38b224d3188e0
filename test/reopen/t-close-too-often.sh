#!/bin/bash
# Closing once too often is told, with -1 and a text, and harms nobody.
. "$(dirname "$0")/../lib.sh"

cc_so v1.so <<<'static int n = 100; int value(void) { return n++; }'
cc_so v2.so <<<'static int n = 200; int value(void) { return n++; }'
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

static void too_often(void *h)
{
	const char *text;

	CHECK(dlclose(h) == -1);
	text = dlerror();
	CHECK(text && strncmp(text, getenv("TEST_DIR"), strlen(getenv("TEST_DIR"))) == 0);
	puts(text + strlen(getenv("TEST_DIR")) + 1);
	CHECK(!dlerror());
}

int main(void)
{
	void *h, *old, *plain;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	close_guest(h);
	too_often(h);
	too_often(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	CHECK(generation_of(h).references == 0);
	CHECK(open_guest("./guest.so") == h);
	CHECK(open_guest("./guest.so") == h);
	printf("%d\n", call(h, "value"));
	close_guest(h);
	close_guest(h);
	too_often(h);

	/* The handle of a generation that is gone is nobody's, as with glibc. */
	old = open_guest("./guest.so");
	replace("v2.so", "guest.so");
	h = dlreload(old);
	CHECK(h && h != old);
	too_often(old);
	CHECK(generation_of(h).references == 1);
	printf("%d\n", call(h, "value"));
	close_guest(h);
	too_often(h);

	plain = open_mode("libm.so.6", RTLD_NOW);
	close_guest(plain);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
guest.so: the handle is not open: it was closed before
guest.so: the handle is not open: it was closed before
100
guest.so: the handle is not open: it was closed before
guest.so: the handle is not open: it was closed before
200
guest.so: the handle is not open: it was closed before
E
expect_no_snapshots
