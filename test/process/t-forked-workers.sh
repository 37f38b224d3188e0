#!/bin/bash
# A server that forks its workers: all of them, and it itself, bring the same new
# file in, one after the other and at once, and go on to the next.
. "$(dirname "$0")/../lib.sh"

for v in 1 2 3; do
	cc_so v$v.so <<<"static int n = $v * 100; int value(void) { return n++; }"
done
cc_host host <<'C'
#include "host.h"
#include <signal.h>
#include <sys/wait.h>

#define WORKERS 6

static void *handle;

static int reload(int expected)
{
	void *h = dlreload(handle);

	if (!h) {
		printf("dlreload: %s\n", dlerror());
		fflush(stdout);
		return -1;
	}
	handle = h;
	return call(h, "value") == expected ? 0 : -1;
}

int main(void)
{
	int go[2], status, bad = 0;
	char c;

	replace("v1.so", "guest.so");
	handle = open_guest("./guest.so");
	CHECK(call(handle, "value") == 100);
	CHECK(pipe(go) == 0);
	for (int i = 0; i < WORKERS; i++) {
		if (fork() != 0)
			continue;
		close(go[1]);
		CHECK(read(go[0], &c, 1) == 0);	/* all at once */
		if (reload(200) != 0)
			exit(1);
		close_guest(handle);
		exit(call(handle = open_guest("./guest.so"), "value") == 201 ? 0 : 2);
	}
	replace("v2.so", "guest.so");
	close(go[1]);
	CHECK(reload(200) == 0);
	for (int i = 0; i < WORKERS; i++) {
		CHECK(wait(&status) > 0);
		bad += status != 0;
	}
	printf("workers that failed: %d\n", bad);
	replace("v3.so", "guest.so");
	CHECK(reload(300) == 0);
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
workers that failed: 0
E
expect_no_snapshots

# A worker that lives long leaves no more behind than any process.
cc_host long <<'C'
#include "host.h"
#include <sys/wait.h>
int main(void)
{
	static const char *const versions[] = { "v1.so", "v2.so" };
	void *h;
	int status, before = 0;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	if (fork() == 0) {
		for (int i = 0; i < 40; i++) {
			replace(versions[i % 2], "guest.so");
			h = dlreload(h);
			CHECK(h && call(h, "value") >= 100);
			if (i == 10)
				before = snapshot_files();
		}
		printf("%+d files\n", snapshot_files() - before);
		exit(0);
	}
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(call(h, "value") == 100);
	return 0;
}
C
expect_output run_audited ./long <<<'+0 files'
expect_no_snapshots
