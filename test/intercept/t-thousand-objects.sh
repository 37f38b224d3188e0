#!/bin/bash
# A program with a thousand objects open, and fifty guests among them that are
# closed, opened again and replaced.
. "$(dirname "$0")/../lib.sh"

cc_so object.so -g0 <<<'int object_value(void) { return 1; }'
for v in 1 2; do
	cc_so v$v.so -g0 <<<"static int n = $v * 100; int value(void) { return n++; }"
done
mkdir objects guests
for i in $(seq 1000); do cp object.so objects/$i.so; done
for i in $(seq 50); do cp v1.so guests/$i.so; done
cc_host host <<'C'
#include "host.h"

static void *object[1000], *guest[50];
static int parked;

static void *open_numbered(const char *folder, int i, int mode)
{
	char name[64];

	snprintf(name, sizeof name, "./%s/%d.so", folder, i + 1);
	return open_mode(name, mode);
}

int main(void)
{
	char name[64];

	for (int i = 0; i < 1000; i++) {
		object[i] = open_numbered("objects", i, RTLD_NOW);
		if (i % 20 == 0)
			guest[i / 20] = open_numbered("guests", i / 20, FLAGS);
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 50; i++)
			close_guest(guest[i]);
		for (int i = round; i < 1000; i += 17) {
			close_guest(object[i]);
			object[i] = open_numbered("objects", i, RTLD_NOW);
		}
		for (int i = 49; i >= 0; i--) {
			CHECK(open_numbered("guests", i, FLAGS) == guest[i]);
			CHECK(call(guest[i], "value") == 100 + round);
		}
	}
	for (int i = 0; i < 50; i += 2) {
		snprintf(name, sizeof name, "guests/%d.so", i + 1);
		replace("v2.so", name);
		guest[i] = dlreload(guest[i]);
		CHECK(guest[i]);
	}
	for (int i = 0; i < 1000; i++) {
		CHECK(call(object[i], "object_value") == 1);
		close_guest(object[i]);
	}
	for (int i = 0; i < 50; i++) {
		CHECK(call(guest[i], "value") == (i % 2 ? 103 : 200));
		close_guest(guest[i]);
	}
	CHECK(maps_with("/objects/") == 0);
	puts("all of them");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<<'all of them'
expect_no_snapshots
