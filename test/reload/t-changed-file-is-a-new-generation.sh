#!/bin/bash
# A closed guest whose file has changed is loaded anew at the next opening; when
# that has gone well, the old one's destructor runs, its memory and its snapshot
# go.  The change is seen
# however it was made: by rename, or by writing into the file within the same
# second, of the same size, with its time stamp set back.
. "$(dirname "$0")/../lib.sh"

source_of() { # GENERATION
	cat <<C
#include <stdio.h>
static int n = $1 * 100;
int value(void) { return n++; }
__attribute__((constructor)) static void start(void) { puts("constructor $1"); }
__attribute__((destructor)) static void end(void) { puts("destructor $1"); }
C
}
for i in 1 2 3 4 5; do source_of $i | cc_so v$i.so -g0; done
[ "$(stat -c %s v2.so)" = "$(stat -c %s v3.so)" ] || fail "sizes differ"
cp v1.so guest.so

cc_host host <<'C'
#include "host.h"
#include <sys/time.h>

static void *cycle(const char *how)
{
	void *h = open_guest("./guest.so");

	printf("%s: %d", how, call(h, "value"));
	printf(" %d, generation %u\n", call(h, "value"), generation_of(h).number);
	CHECK(snapshot_files() == 1);
	close_guest(h);
	CHECK(generation_of(h).state == GOAUDIT_PARKED);
	return h;
}

int main(void)
{
	struct goaudit_generation all[16];
	struct timespec times[2];
	struct stat st;
	int files, maps;
	size_t n;

	setvbuf(stdout, NULL, _IONBF, 0);
	cycle("first");
	files = open_files();
	maps = maps_with("/guest.so");
	CHECK(maps > 0);

	replace("v2.so", "guest.so");
	cycle("renamed over");
	CHECK(maps_with("/guest.so") == maps);

	CHECK(stat("guest.so", &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	overwrite("v3.so", "guest.so");
	CHECK(utimensat(AT_FDCWD, "guest.so", times, 0) == 0);
	cycle("written into, same size and time");

	cycle("unchanged");

	/* Other time stamps, the same bytes: that is no change. */
	replace("v3.so", "guest.so");
	cycle("same bytes in a new file");

	replace("v4.so", "guest.so");
	replace("v5.so", "guest.so");
	cycle("changed twice");
	replace("v1.so", "guest.so");
	cycle("changed back");

	CHECK(maps_with("/guest.so") == maps);
	CHECK(open_files() == files);
	n = goaudit_generations(all, 16, sizeof *all);
	for (size_t i = 0; i < n; i++)
		printf("guest %u generation %u state %u\n", all[i].guest,
		       all[i].number, all[i].state);
	puts("end of main");
	return 0;
}
C
expect_refused ./host
cp v1.so guest.so
expect_output run_audited ./host <<'E'
constructor 1
first: 100 101, generation 1
constructor 2
destructor 1
renamed over: 200 201, generation 2
constructor 3
destructor 2
written into, same size and time: 300 301, generation 3
unchanged: 302 303, generation 3
same bytes in a new file: 304 305, generation 3
constructor 5
destructor 3
changed twice: 500 501, generation 4
constructor 1
destructor 5
changed back: 100 101, generation 5
guest 0 generation 1 state 7
guest 0 generation 2 state 7
guest 0 generation 3 state 7
guest 0 generation 4 state 7
guest 0 generation 5 state 4
end of main
destructor 1
E
expect_no_snapshots
