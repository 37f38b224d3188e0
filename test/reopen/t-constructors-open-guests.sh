#!/bin/bash
# Constructors and destructors, of guests and of plain libraries, open, close and
# reload guests.
. "$(dirname "$0")/../lib.sh"

cc_so leaf.so <<'C'
#include <stdio.h>
static int n;
int leaf(void) { return ++n; }
__attribute__((constructor)) static void start(void) { puts("leaf starts"); }
__attribute__((destructor)) static void end(void) { puts("leaf ends"); }
C
# A guest that holds the leaf while it lives.
for v in 1 2; do
	cc_so holder-v$v.so <<C
#include "host.h"
static void *leaf;
int held(void) { return $v * 100 + call(leaf, "leaf"); }
__attribute__((constructor)) static void start(void)
{
	puts("holder $v starts");
	leaf = open_guest("./leaf.so");
}
__attribute__((destructor)) static void end(void)
{
	close_guest(leaf);
	puts("holder $v ends");
}
C
done
# Plain libraries.
cc_so plain.so <<'C'
#include "host.h"
static void *leaf, *holder;
__attribute__((constructor)) static void start(void)
{
	leaf = open_guest("./leaf.so");
	holder = open_guest("./holder.so");
	printf("plain starts: %d\n", call(holder, "held"));
}
__attribute__((destructor)) static void end(void)
{
	holder = dlreload(holder);
	CHECK(holder);
	close_guest(holder);
	close_guest(leaf);
	puts("plain ends");
}
C
cc_host host <<'C'
#include "host.h"

static unsigned state(const char *name)
{
	static struct goaudit_generation all[100];
	size_t n = goaudit_generations(all, 100, sizeof *all);

	while (n-- > 0)
		if (strcmp(strrchr(all[n].path, '/') + 1, name) == 0 &&
		    all[n].state != GOAUDIT_GONE)
			return all[n].state;
	return GOAUDIT_FREE;
}

int main(void)
{
	void *h, *leaf;

	setvbuf(stdout, NULL, _IONBF, 0);
	puts("-- a guest that opens a guest");
	replace("holder-v1.so", "holder.so");
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	close_guest(h);
	CHECK(state("holder.so") == GOAUDIT_PARKED && state("leaf.so") == GOAUDIT_OPEN);
	replace("holder-v2.so", "holder.so");
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	replace("holder-v1.so", "holder.so");
	h = dlreload(h);
	printf("%d\n", call(h, "held"));

	puts("-- a plain library");
	leaf = open_mode("./plain.so", RTLD_NOW);
	replace("holder-v2.so", "holder.so");
	close_guest(h);
	close_guest(leaf);
	CHECK(maps_with("/plain.so") == 0);
	CHECK(state("holder.so") == GOAUDIT_PARKED);
	CHECK(state("leaf.so") == GOAUDIT_OPEN);
	h = open_guest("./holder.so");
	printf("%d\n", call(h, "held"));
	close_guest(h);

	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
-- a guest that opens a guest
holder 1 starts
leaf starts
101
holder 2 starts
holder 1 ends
202
holder 1 starts
103
-- a plain library
plain starts: 104
holder 2 starts
plain ends
holder 2 ends
holder 1 ends
205
end of main
leaf ends
holder 2 ends
E

expect_no_snapshots
