#!/bin/bash
# Programs that open and close libraries of their own pay nothing: 20,000 cycles
# leave the memory as it was, also with a guest open or parked; calls through the
# PLT are bound as without the module.
. "$(dirname "$0")/../lib.sh"

# Many PLT slots: glibc's l_reloc_result, 32 bytes each, leaks with la_symbind.
cc_so unrelated.so -Wl,-z,lazy <<C
#include <string.h>
$(for i in $(seq 100); do echo "__attribute__((weak)) int g$i(int x) { return x; }"; done)
int unrelated(void)
{
	int n = 0;
$(for i in $(seq 100); do echo "	n += g$i($i);"; done)
	return n;
}
C
cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void cycles(int n)
{
	for (int i = 0; i < n; i++) {
		void *h = open_mode("./unrelated.so", RTLD_LAZY);

		CHECK(call(h, "unrelated") == 5050);
		close_guest(h);
	}
}

static void run(const char *title)
{
	int maps, files;
	long rss;

	cycles(500);
	maps = maps_with("");
	files = open_files();
	rss = rss_kb();
	cycles(6500);
	printf("%s: maps %+d, files %+d\n", title, maps_with("") - maps,
	       open_files() - files);
	/* 20 MB with l_reloc_result.  Which pages of the C library's data and of the
	 * heap's end have been touched by then is the machine's affair. */
	if (rss_kb() > rss + 1000)
		printf("  memory: %ld kB, then %ld kB\n", rss, rss_kb());
}

int main(int argc, char **argv)
{
	void *h;

	run("no guest");
	if (argc > 1)
		return 0;
	h = open_guest("./guest.so");
	run("a guest open");
	close_guest(h);
	run("a guest parked");
	return 0;
}
C
expect_refused ./host
expect_output run_plain ./host plain <<'E'
no guest: maps +0, files +0
E
expect_output run_audited ./host <<'E'
no guest: maps +0, files +0
a guest open: maps +0, files +0
a guest parked: maps +0, files +0
E
expect_no_snapshots

# What must not be exported: each would cost every call of the host something.
readelf -W --dyn-syms "$AUDIT" >symbols
! grep -Eq ' la_(symbind|x86_64_gnu_plt|pltenter|pltexit)' symbols ||
	fail "a costly callback is exported"
