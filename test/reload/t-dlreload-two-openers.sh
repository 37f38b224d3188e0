#!/bin/bash
# When one of two openers reloads a guest, the other one's handle and function
# pointers go on with the old generation until it closes or reloads itself; the
# old one is destroyed only then.
. "$(dirname "$0")/../lib.sh"

source_of() { # GENERATION
	cat <<C
#include <stdio.h>
static int n;
int value(void) { return $1 * 100 + n++; }
__attribute__((destructor)) static void end(void) { puts("destructor $1"); }
C
}
for i in 1 2 3; do source_of $i | cc_so v$i.so; done
# An opener is a library of its own.
for who in alice bob; do
	cc_so $who.so <<'C'
#define TEST_RAW
#include "host.h"
static void *handle;
static int (*value)(void);
void take(void) { handle = open_guest("./guest.so"); value = (int (*)(void))find(handle, "value"); }
int use(void) { return value(); }
int reload(void)
{
	void *h = dlreload(handle);
	int changed = h != handle;
	CHECK(h);
	handle = h;
	value = (int (*)(void))find(handle, "value");
	return changed;
}
void drop(void) { close_guest(handle); }
void *mine(void) { return handle; }
C
done
cc_host host <<'C'
#define TEST_RAW
#include "host.h"

static void *a, *b;

static void say(void *h, const char *name)
{
	((void (*)(void))find(h, name))();
}

/* What each of them gets from its function pointer; opener NULL: not asked. */
static void use(const char *text, void *first, void *second)
{
	if (first)
		printf("alice %d ", call(first, "use"));
	if (second)
		printf("bob %d ", call(second, "use"));
	puts(text);
}

static unsigned state(void *opener)
{
	return generation_of(((void *(*)(void))find(opener, "mine"))()).state;
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	a = open_mode("./alice.so", RTLD_NOW);
	b = open_mode("./bob.so", RTLD_NOW);
	replace("v1.so", "guest.so");
	say(a, "take");
	say(b, "take");
	use("at first", a, b);

	replace("v2.so", "guest.so");
	CHECK(call(a, "reload") == 1);
	use("alice has reloaded", a, b);
	CHECK(state(a) == GOAUDIT_OPEN && state(b) == GOAUDIT_SUPERSEDED);
	CHECK(call(b, "reload") == 1);
	use("bob has followed", a, b);
	CHECK(state(a) == GOAUDIT_OPEN && state(b) == GOAUDIT_OPEN);

	replace("v3.so", "guest.so");
	CHECK(call(b, "reload") == 1);
	use("bob has reloaded", a, b);
	CHECK(state(a) == GOAUDIT_SUPERSEDED);
	say(a, "drop");
	use("alice has closed", NULL, b);

	/* Bob closes first this time: his is parked, hers superseded. */
	say(a, "take");
	replace("v1.so", "guest.so");
	CHECK(call(b, "reload") == 1);
	say(b, "drop");
	use("bob has closed", a, NULL);
	CHECK(state(a) == GOAUDIT_SUPERSEDED && state(b) == GOAUDIT_PARKED);
	say(b, "take");
	use("bob has opened again", a, b);
	say(b, "drop");
	CHECK(call(a, "reload") == 1);
	use("alice has reloaded into bob's", a, NULL);

	/* Three generations at once. */
	say(b, "take");
	replace("v2.so", "guest.so");
	say(b, "reload");
	void *c = open_guest("./guest.so");
	replace("v3.so", "guest.so");
	say(b, "reload");
	printf("third %d ", call(c, "value"));
	use("three generations", a, b);
	CHECK(snapshot_files() == 3);
	close_guest(c);
	say(a, "drop");
	say(b, "drop");
	CHECK(snapshot_files() == 1);
	puts("end of main");
	return 0;
}
C
expect_refused ./host
expect_output run_audited ./host <<'E'
alice 100 bob 101 at first
alice 200 bob 102 alice has reloaded
alice 201 bob 202 bob has followed
destructor 1
alice 203 bob 300 bob has reloaded
destructor 2
bob 301 alice has closed
alice 302 bob has closed
alice 303 bob 100 bob has opened again
alice 101 alice has reloaded into bob's
destructor 3
third 200 alice 102 bob 300 three generations
destructor 2
destructor 1
end of main
destructor 3
E
expect_no_snapshots
