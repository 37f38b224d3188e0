#!/bin/bash
# Instances of Go, C++ and D guests: each has variables of its own, its callbacks are answered
# in its own context, all move to another build, one by one and together, and all are gone in
# the end: of Go so many over one runtime, whose modules and itabs are as many as before.
# GOAUDIT_TEST_INSTANCES: how many of Go, default 300.
. "$(dirname "$0")/../lib.sh"

cc_host host -rdynamic -pthread <<'C'
#include "host.h"
#include "gohost.h"

#define MOST 1000

static void *h[MOST];
static long base[MOST];
static long (*add[MOST])(long);

long host_base(void)
{
	long *mine = goaudit_context_of(__builtin_return_address(0));

	CHECK(mine);
	return *mine;
}

static void own_state(int n)
{
	for (int i = 0; i < n; i++) {
		base[i] = 1000 * i;
		h[i] = goaudit_open_instance("./guest.so", RTLD_NOW, &base[i]);
		if (!h[i])
			puts(dlerror());
		CHECK(h[i]);
		add[i] = (long (*)(long))find(h[i], "add");
	}
	for (int k = 1; k <= 2; k++)
		for (int i = 0; i < n; i++)
			CHECK(add[i](i) == k * 1001l * i);
}

static void moved(int n, const char *to, unsigned flags)
{
	struct goaudit_reload_options o = { .size = sizeof o, .flags = flags };
	int version = call(h[0], "version");

	replace(to, "guest.so");
	if (goaudit_reload_instances("./guest.so", &o) != n)
		puts(dlerror());
	for (int i = 0; i < n; i++)
		CHECK(call(h[i], "version") == 3 - version && add[i](i) == 1001l * i);
}

static void start_druntime(const char *name)
{
	CHECK(call(open_mode(name, RTLD_NOW | RTLD_GLOBAL), "rt_init") == 1);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), go = strcmp(argv[2], "go") == 0;
	struct goaudit_runtime before, after;
	char first[] = "v1.so";

	if (argc > 3)
		start_druntime(argv[3]);
	overwrite("v1.so", "again.so");
	replace(first, "guest.so");
	if (go) { /* what the first one makes once */
		void *one = goaudit_open_instance("./guest.so", RTLD_NOW, &base[0]);

		CHECK(((long (*)(long))find(one, "add"))(0) == 0);
		close_guest(one);
		reclaim_all();
		before = runtime_now(2);
	}
	own_state(n);
	moved(n, "v2.so", 0);
	moved(n, "again.so", GOAUDIT_RELOAD_TOGETHER);
	for (int i = 0; i < n; i++)
		close_guest(h[i]);
	reclaim_all();
	CHECK(maps_with("guest.so") == 0 && snapshot_files() == 0);
	if (go) {
		after = runtime_now(2);
		CHECK(after.modules == before.modules && after.itabs == before.itabs);
	}
	printf("%s: %d\n", argv[2], n);
	return 0;
}
C
try() { # LANGUAGE N [RUNTIME]
	expect_output run_audited ./host "$2" "$1" ${3+"$3"} <<<"$1: $2"
	expect_no_snapshots
	rm -f v1.so v2.so guest.so
}

cat >guest.cpp <<'C'
#include <map>
#include <stdexcept>
#include <string>
extern "C" long host_base(void);
struct Failure : std::runtime_error { long n; Failure(long n) : runtime_error("failure"), n(n) {} };
template <class T> struct Table { static inline std::map<std::string, T> all; };
struct Local { long n = 0; ~Local() { n = -1; } };
static thread_local Local local;
extern "C" int version() { return V; }
extern "C" long add(long n)
{
	long sum = Table<long>::all["sum"] += host_base() + n;

	local.n += host_base() + n;
	try { throw Failure(sum); } catch (Failure &f) { return f.n == local.n ? sum : -1; }
}
C
for v in 1 2; do cxx_so v$v.so -DV=$v <guest.cpp; done
try C++ 200

if command -v ldc2 >/dev/null; then
	cat >guest.d <<'D'
module guest;
extern (C) long host_base();
long[] sum;
__gshared long[string] all;
version (V2) enum VERSION = 2; else enum VERSION = 1;
pragma(mangle, "version") extern (C) int version_() { return VERSION; }
extern (C) long add(long n)
{
    if (sum is null) sum = new long[100];
    sum[7] += host_base() + n;
    all["sum"] = sum[7];
    auto result = all["sum"];
    return result;
}
D
	ldc2 -shared -relocation-model=pic -link-defaultlib-shared -of=v1.so guest.d &&
		ldc2 -d-version=V2 -shared -relocation-model=pic -link-defaultlib-shared -of=v2.so guest.d ||
		fail "ldc2"
	try D 50 "$(ldd v1.so | sed -nE 's/.*=> (.*libdruntime[^ ]*).*/\1/p')"
fi

. "$ROOT/test/go.sh"
case $(go env GOVERSION) in go1.2[2-5]*) skip "the proof wants Go 1.26 or later" ;; esac
go_file guest/main.go <<'GO'
package main

// extern long host_base(void) __attribute__((weak));
// static long base(void) { long n = host_base(); __asm__ volatile("" ::: "memory"); return n; }
import "C"

import "fmt"

var build = "build 1"

var sum int
var words = map[string]fmt.Stringer{}

type number int

func (n number) String() string { return fmt.Sprintf("<%d>", int(n)) }

//export version
func version() C.int { return C.int(build[6] - '0') }

//export add
func add(n C.long) C.long {
	sum += int(C.base()) + int(n)
	words[fmt.Sprint("sum", sum)] = number(sum)
	if fmt.Sprint(words[fmt.Sprint("sum", sum)]) != fmt.Sprintf("<%d>", sum) {
		return -1
	}
	return C.long(sum)
}

func main() {}
GO
build_guest v1.so guest
variant v1.so v2.so "build 1" "build 2"
try go "${GOAUDIT_TEST_INSTANCES:-300}"
