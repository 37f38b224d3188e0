#!/bin/bash
# Each allocation and system call that the module makes in a reload fails in turn: the
# reload either succeeds without it, or fails with a text and changes nothing, and the
# same reload then succeeds.  A Go guest whose variables and hooks hand its state over,
# and a C guest.  GOAUDIT_TEST_SWEEPS: how often each call fails, default 2.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
export GODEBUG=memprofilerate=0
# shellcheck disable=SC2034	# run_audited reads it
AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so

go_file go/main.go <<'GO'
package main

// #include <stdlib.h>
// typedef unsigned int version_t;
import "C"

import (
	"fmt"
	"unsafe"
)

var (
	build   = "build 1"
	count   int
	history = map[string]int{}
)

//export goaudit_save
func goaudit_save(size *C.size_t, version *C.version_t) unsafe.Pointer {
	text := fmt.Sprint(history["count"])
	*size, *version = C.size_t(len(text)), 1
	return C.CBytes([]byte(text))
}

//export goaudit_load
func goaudit_load(data unsafe.Pointer, size C.size_t, version C.version_t) C.int {
	n := 0
	fmt.Sscan(string(C.GoBytes(data, C.int(size))), &n)
	history["count"] = n
	return 0
}

// Count returns -1 if one of two counts is not what it was.
//
//export Count
func Count() C.int {
	if count != history["count"] {
		return -1
	}
	count++
	history["count"] = count
	return C.int(count)
}

//export Build
func Build() C.int { return C.int(build[6] - '0') }

func main() {}
GO
build_guest go.1 go
variant go.1 go.2 "build 1" "build 2"
for n in 1 2; do
	cc_so c.$n <<C
#include <string.h>
static int count;
void *malloc(unsigned long);
void *goaudit_save(unsigned long *size, unsigned *version)
{
	*size = sizeof count;
	return memcpy(malloc(sizeof count), &count, sizeof count);
}
int goaudit_load(const void *data, unsigned long size, unsigned version)
{
	memcpy(&count, data, sizeof count);
	return 0;
}
int Count(void) { return ++count; }
int Build(void) { return $n; }
C
done
cc_host host -I"$ROOT/test/unit" <<'C'
#include "gohost.h"
#include <stdbool.h>
#include <sys/mman.h>
#include "failing.h"

static struct failing *failing;
static void *h;
static int (*count)(void), (*build)(void), expected, current = 1;
static struct goaudit_reload_options options = { .size = sizeof options };

static bool reload(int calls)
{
	void *r;

	failing->calls = calls;
	r = dlreload2(h, &options);
	if (r)
		CHECK(r == h);
	return r != NULL;
}

/* Reloads back and forth, with each call failing once.  Returns how many calls there
 * were. */
static int sweep(const char *name)
{
	int n = 0, failed = 0;
	bool reached;
	char file[20];

	do {
		snprintf(file, sizeof file, "%s.%d", name, 3 - current);
		replace(file, "guest.so");
		if (!reload(n)) {
			char *text = dlerror();

			if (failing->calls >= 0 || !text || !strstr(text, "guest.so: ")) {
				printf("call %d: calls left %d: %s\n", n, failing->calls, text);
				exit(1);
			}
			failed++;
			CHECK(build() == current && count() == ++expected);
			CHECK(generation_of(h).state == GOAUDIT_OPEN);
			CHECK(generation_of(h).references == 1);
			if (!reload(-1)) {
				printf("after call %d (%s): %s\n", n, text, dlerror());
				exit(1);
			}
			reached = true;
		} else {
			reached = failing->calls < 0;
		}
		current = 3 - current;
		CHECK(build() == current && count() == ++expected);
		n++;
	} while (reached);
	failing->calls = -1;
	CHECK(failed > 8);
	return n;
}

/* Nothing is mapped, open or allocated for good. */
struct usage {
	int maps, files;
	long kb, heap, go;	/* resident; of the Go runtime: bytes of objects, tables */
};

static struct usage settle(void)
{
	struct goaudit_runtime rt = { 0 };

	/* The C generation that was replaced last stays. */
	while (goaudit_reclaim(NULL, -1) > !options.variables)
		;
	goaudit_runtime_stats(&rt, sizeof rt, 3);
	return (struct usage){ maps_with(""), open_files(), rss_kb(), rt.heap_live, rt.other_sys };
}

int main(int argc, char **argv)
{
	static const char *const variables[] = { "count", NULL };
	int fd = open(getenv("GOAUDIT_TEST_FAILING"), O_RDWR), times = atoi(argv[2]), n = 0;
	struct usage before, after;
	char file[20];

	failing = mmap(NULL, sizeof *failing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(failing != MAP_FAILED && failing->calls == 0);
	close(fd);
	failing->thread = gettid();
	failing->calls = -1;
	if (strcmp(argv[1], "go") == 0) {
		options.flags = GOAUDIT_RELOAD_VARIABLES;
		options.variables = variables;
	}
	snprintf(file, sizeof file, "%s.1", argv[1]);
	replace(file, "guest.so");
	h = open_guest("./guest.so");
	count = (int (*)(void))find(h, "Count");
	build = (int (*)(void))find(h, "Build");
	sweep(argv[1]);
	/* The module remembers the last 256 generations. */
	for (int i = 0; i < 300; i++) {
		current = 3 - current;
		snprintf(file, sizeof file, "%s.%d", argv[1], current);
		replace(file, "guest.so");
		CHECK(reload(-1));
	}
	sweep(argv[1]);
	before = settle();
	for (int i = 0; i < times; i++)
		n = sweep(argv[1]);
	after = settle();
	fprintf(stderr, "%d calls; maps %d, %d; files %d, %d; resident %ld, %ld KB; "
		"Go: heap %ld, %ld, tables %ld, %ld\n", n, before.maps, after.maps, before.files,
		after.files, before.kb, after.kb, before.heap, after.heap, before.go, after.go);
	CHECK(n > 10);
	CHECK(after.maps <= before.maps + 16 && after.files == before.files);
	CHECK(after.kb <= before.kb + 2048 && after.heap <= before.heap + 65536 &&
	      after.go <= before.go + 400000);
	puts("good");
	return 0;
}
C
export GOAUDIT_TEST_FAILING=$PWD/failing
for guest in c go; do
	head -c 8 /dev/zero >failing
	run_audited ./host $guest "${GOAUDIT_TEST_SWEEPS:-2}" 2>&1 | tee $guest.txt
	[ "$(tail -n 1 $guest.txt)" = good ] || fail "$guest: $(tail -n 20 $guest.txt)"
done
expect_no_snapshots
