#!/bin/bash
# The original file may be deleted: an open guest goes on, is opened once more
# by its name, is closed; what dlreload, dlopen of a closed one, and dlopen after
# the file has come back say to that.
. "$(dirname "$0")/../lib.sh"

cc_so v1.so <<<'static int n = 100; int value(void) { return n++; }'
cc_so v2.so <<<'static int n = 200; int value(void) { return n++; }'
cc_host host <<'C'
#include "host.h"

static void say_error(const char *what)
{
	const char *text = dlerror(), *folder = getenv("TEST_DIR");

	CHECK(text);
	if (strncmp(text, folder, strlen(folder)) == 0)
		text += strlen(folder) + 1;
	printf("%s: %s\n", what, text);
	CHECK(!dlerror());
}

int main(void)
{
	void *h;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	printf("%d\n", call(h, "value"));
	CHECK(unlink("guest.so") == 0);
	printf("deleted while open: %d\n", call(h, "value"));
	CHECK(open_guest("./guest.so") == h);
	CHECK(generation_of(h).references == 2);
	CHECK(open_mode("./guest.so", RTLD_NOW | RTLD_NOLOAD) == h);
	close_guest(h);
	close_guest(h);
	CHECK(!dlreload(h));
	say_error("dlreload");
	printf("still: %d\n", call(h, "value"));
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);

	CHECK(!dlopen("./guest.so", FLAGS));
	say_error("dlopen of the closed one");
	CHECK(!dlopen("./guest.so", RTLD_NOW));
	say_error("dlopen without the flag");
	CHECK(generation_of(h).state == GOAUDIT_PARKED);

	replace("v1.so", "guest.so");
	CHECK(open_guest("./guest.so") == h);
	printf("come back: %d\n", call(h, "value"));
	close_guest(h);
	CHECK(unlink("guest.so") == 0);
	replace("v2.so", "guest.so");
	h = open_guest("./guest.so");
	printf("come back changed: %d\n", call(h, "value"));
	CHECK(unlink("guest.so") == 0);
	replace("v1.so", "guest.so");
	h = dlreload(h);
	CHECK(h);
	printf("reloaded: %d\n", call(h, "value"));
	close_guest(h);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
100
deleted while open: 101
dlreload: guest.so: cannot be read: No such file or directory: the old generation goes on
still: 102
dlopen of the closed one: ./guest.so: cannot open shared object file: No such file or directory
dlopen without the flag: ./guest.so: cannot open shared object file: No such file or directory
come back: 103
come back changed: 200
reloaded: 100
E
expect_no_snapshots
