#!/bin/bash
# At exit the destructors of open, parked and superseded guests, and what they
# have registered with atexit, run exactly once; the exit status is the host's.
# Also when the guest's own code calls exit, a thread does, or main is left with
# guests that a destructor closes.
. "$(dirname "$0")/../lib.sh"

for v in 1 2 3; do
	cxx_so v$v.so <<C
#include <stdio.h>
#include <stdlib.h>
namespace {
int n;
struct Object { ~Object() { printf("object %d of $v\n", n); } } object;
}
static void registered() { puts("registered by $v"); }
extern "C" int value() { return ++n; }
extern "C" int leave() { exit(9); }
extern "C" int abandon() { quick_exit(8); }
__attribute__((constructor)) static void start() { atexit(registered); }
__attribute__((destructor)) static void end() { puts("destructor $v"); }
C
done
cc_host host -pthread <<'C'
#define TEST_RAW
#include "host.h"
#include <pthread.h>

static void *handle;

static void *leave(void *name)
{
	call(handle, name);
	return NULL;
}

static void close_at_end(void) { puts("closing"); close_guest(handle); }

int main(int argc, char **argv)
{
	void *h2, *h3, *old;
	pthread_t t;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (const char *const *p = (const char *const[]){ "a", "b", "c", NULL }; *p; p++) {
		char name[] = "?.so";

		name[0] = **p;
		replace("v1.so", name);
	}
	switch (argv[1][0]) {
	case 'o':	/* open */
		handle = open_guest("./a.so");
		break;
	case 'p':	/* parked */
		close_guest(open_guest("./a.so"));
		break;
	case 's':	/* superseded, replaced, parked */
		handle = open_guest("./a.so");
		old = open_guest("./a.so");
		replace("v2.so", "a.so");
		handle = dlreload(handle);
		replace("v3.so", "a.so");
		handle = dlreload(handle);
		CHECK(generation_of(old).state == GOAUDIT_SUPERSEDED);
		close_guest(handle);
		break;
	case 'g':	/* from the guest */
		handle = open_guest("./a.so");
		call(handle, argv[1][1] == 'q' ? "abandon" : "leave");
		break;
	case 'w':	/* from its code while it is parked */
		handle = open_guest("./a.so");
		{
			int (*p)(void) = (int (*)(void))find(handle, "leave");
			close_guest(handle);
			p();
		}
		break;
	case 't':	/* on another thread */
		handle = open_guest("./a.so");
		pthread_create(&t, NULL, leave, "leave");
		pthread_join(t, NULL);
		break;
	case 'c':	/* closed by an exit handler */
		handle = open_guest("./a.so");
		atexit(close_at_end);
		break;
	case 'e':	/* closed by an exit handler that runs after ours */
		atexit(close_at_end);
		handle = open_guest("./a.so");
		break;
	case 'r':	/* dlreload has replaced the only reference */
		handle = open_guest("./a.so");
		replace("v2.so", "a.so");
		handle = dlreload(handle);
		break;
	case 'm':	/* several, local and global */
		h2 = open_mode("./a.so", FLAGS | RTLD_GLOBAL);
		replace("v2.so", "b.so");
		h3 = open_mode("./b.so", FLAGS | RTLD_GLOBAL);
		replace("v3.so", "c.so");
		handle = open_guest("./c.so");
		close_guest(h2);
		close_guest(handle);
		break;
	}
	return 7;
}
C
try() { # ARGUMENT STATUS <expected
	local status=0
	cat >expected.txt
	run_audited ./host "$1" >actual.txt 2>&1 </dev/null || status=$?
	diff -u expected.txt actual.txt || fail "$1: unexpected output (exit status $status)"
	[ $status = "$2" ] || fail "$1: exit status $status"
}
expect_refused ./host o
try open 7 <<'E'
object 0 of 1
registered by 1
destructor 1
E
try parked 7 <<'E'
object 0 of 1
registered by 1
destructor 1
E
try thread 9 <<'E'
object 0 of 1
registered by 1
destructor 1
E
try guest 9 <<'E'
object 0 of 1
registered by 1
destructor 1
E
try while-parked 9 <<'E'
object 0 of 1
registered by 1
destructor 1
E
try gq 8 <<'E'
E
try closed 7 <<'E'
closing
object 0 of 1
registered by 1
destructor 1
E
try early 7 <<'E'
object 0 of 1
registered by 1
closing
destructor 1
E
try replaced 7 <<'E'
object 0 of 2
registered by 2
object 0 of 1
registered by 1
destructor 2
destructor 1
E
# The second generation goes when the third is closed.
try superseded 7 <<'E'
destructor 2
object 0 of 2
registered by 2
object 0 of 3
registered by 3
object 0 of 1
registered by 1
destructor 3
destructor 1
E
try many 7 <<'E'
object 0 of 3
registered by 3
object 0 of 2
registered by 2
object 0 of 1
registered by 1
destructor 2
destructor 3
destructor 1
E
run_audited ./host o >/dev/null || true
expect_no_snapshots
