#!/bin/bash
# A parent that ends at once after fork, as one that becomes a daemon does, does
# not take its child's snapshots away, though the child may not have run yet.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./guest.so");
	int in[2];
	char c;

	CHECK(pipe(in) == 0);
	if (fork() == 0) {
		close(in[1]);
		CHECK(read(in[0], &c, 1) == 0);	/* until the parent is gone */
		puts(access(generation_of(h).snapshot, R_OK) == 0 ? "there" : "gone");
	}
	return 0;
}
C
# On one processor the parent mostly comes first.
run() {
	for _ in $(seq 20); do
		run_audited taskset -c "$(taskset -cp $$ | sed 's/.*: *//; s/[^0-9].*//')" ./host
	done | sort | uniq -c | sed 's/^ *//'
}
expect_output run <<<'20 there'
