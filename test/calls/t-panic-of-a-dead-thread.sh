#!/bin/bash
# The text of a panic is the calling thread's: not that of a dead thread which has
# had its number, in a namespace where the test decides about numbers.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

command -v unshare >/dev/null || skip "no unshare(1)"
alone="unshare --pid --fork --mount-proc"
[ "$(id -u)" = 0 ] || alone="unshare --user --map-root-user --pid --fork --mount-proc"
$alone sh -c 'echo 100 >/proc/sys/kernel/ns_last_pid' 2>/dev/null ||
	skip "no namespace of processes, or no ns_last_pid in it"

go_file panicking/main.go <<'GO'
package main

import "C"

//export Fail
func Fail(n C.long) C.long { panic("as asked") }

func main() {}
GO
build_guests panicking
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>
#include <stdint.h>

static long (*fail)(long);
static size_t texts[2];

static void *run(void *calls)
{
	texts[0] = goaudit_last_panic(NULL, 0);
	if (calls)
		fail(1);
	texts[1] = goaudit_last_panic(NULL, 0);
	return (void *)(intptr_t)gettid();
}

/* A thread of this number; the Go runtime may start one in between. */
static long numbered(long tid, void *calls)
{
	pthread_t t;
	void *had;
	FILE *f;

	f = fopen("/proc/sys/kernel/ns_last_pid", "w");
	CHECK(f != NULL);
	fprintf(f, "%ld", tid - 1);
	CHECK(fclose(f) == 0);
	CHECK(pthread_create(&t, NULL, run, calls) == 0);
	pthread_join(t, &had);
	return (long)(intptr_t)had;
}

int main(void)
{
	void *h = open_mode("./panicking.so", FLAGS | RTLD_PANIC_RETURN);
	long tid = 5000;

	fail = (long (*)(long))find(h, "Fail");
	do {
		while (numbered(++tid, "calls") != tid)
			;
		CHECK(texts[0] == 0);
		CHECK(texts[1] > 8);
	} while (numbered(tid, NULL) != tid);
	CHECK(texts[0] == 0);
	CHECK(goaudit_last_panic(NULL, 0) == 0);
	close_guest(h);
	printf("ok\n");
	return 0;
}
C
expect_output $alone env LD_AUDIT="$AUDIT" ./host <<'E'
ok
E
