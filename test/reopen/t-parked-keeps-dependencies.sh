#!/bin/bash
# What only a parked guest needs stays mapped, with its state, while other
# objects are opened and closed: direct, indirect and shared dependencies.
. "$(dirname "$0")/../lib.sh"

cc_so libdeep.so <<'C'
static int n;
int deep(void) { return ++n; }
C
cc_so libdirect.so -L. -ldeep <<'C'
#include <stdio.h>
int deep(void);
int direct(void) { return 10 * deep(); }
__attribute__((destructor)) static void end(void) { puts("direct's destructor"); }
C
cc_so guest.so -L. -ldirect <<'C'
int direct(void);
int guest(void) { return direct() + 1; }
C
cc_so other.so -L. -ldirect <<'C'
int direct(void);
int other(void) { return direct() + 2; }
C
cc_so unrelated.so <<<'int unrelated;'
cat >guest2.c <<'C'
int guest(void) { return -1; }
C
cc_so guest2.so <guest2.c
cc_host host <<'C'
#include "host.h"

static void churn(void)
{
	for (int i = 0; i < 3; i++)
		close_guest(open_mode("./unrelated.so", RTLD_NOW));
}

int main(void)
{
	void *h, *other;
	int (*guest)(void);

	setvbuf(stdout, NULL, _IONBF, 0);
	h = open_guest("./guest.so");
	guest = (int (*)(void))find(h, "guest");
	printf("%d\n", guest());
	close_guest(h);
	churn();
	CHECK(maps_with("/libdirect.so") && maps_with("/libdeep.so"));
	printf("called while parked: %d\n", guest());
	CHECK(open_guest("./guest.so") == h);
	churn();
	printf("%d\n", guest());

	/* Shared with an object that comes and goes. */
	close_guest(h);
	other = open_mode("./other.so", RTLD_NOW);
	printf("%d\n", call(other, "other"));
	close_guest(other);
	churn();
	printf("called while parked: %d\n", guest());
	CHECK(open_guest("./guest.so") == h);
	printf("%d\n", guest());
	close_guest(h);

	/* Once the generation is gone, so are they. */
	replace("guest2.so", "guest.so");
	h = open_guest("./guest.so");
	printf("%d\n", call(h, "guest"));
	CHECK(!maps_with("/libdirect.so") && !maps_with("/libdeep.so"));
	puts("end of main");
	return 0;
}
C
expect_refused env LD_LIBRARY_PATH=. ./host
expect_output run_audited env LD_LIBRARY_PATH=. ./host <<'E'
11
called while parked: 21
31
42
called while parked: 51
61
direct's destructor
-1
end of main
E
expect_no_snapshots
