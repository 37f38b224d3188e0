#!/bin/bash
# D guests over a shared druntime, by ldc and gdc: each changed build is a fresh one; an
# object of its classes, a thread in it and the thread that it was opened on hold the old
# one by name; and druntime forgets what is gone.
. "$(dirname "$0")/../lib.sh"
compilers=()
for c in ldc2 gdc; do command -v $c >/dev/null && compilers+=("$c"); done
[ ${#compilers[@]} -gt 0 ] || skip "neither ldc2 nor gdc"

cat >resident.d <<'D'
module resident;
import core.gc.gcinterface : Collector = GC, Range;
extern (C) Collector gc_getProxy() nothrow;
extern (C) int modules() { int n; foreach (m; ModuleInfo) n += m.name == "guest"; return n; }
extern (C) int ranges() { int n; gc_getProxy().rangeIter()((ref Range r) { n++; return 0; }); return n; }
D
cat >guest.d <<'D'
module guest;
import core.thread;
version (V2) enum VERSION = 2; else enum VERSION = 1;
extern (C) void host_note(int what) nothrow @nogc;
extern (C) void host_wait();
class Dog { int[16] pad; int v; this() { v = VERSION; } ~this() { host_note(0); } int speak() { return v; } }
class Plain { int[4] pad; int speak() { return VERSION; } }
class Failure : Exception { int code; this(int c) { super("failure"); code = c; } }
struct Part { int a; ~this() { host_note(1); } }
int[] local;
__gshared int[] shared_;
shared static this() { shared_ = new int[100]; shared_[99] = VERSION; }
shared static ~this() { host_note(2); }
static this() { local = new int[500]; local[499] = 4711; }
static ~this() { host_note(3); }
extern (C):
int version_() { return VERSION; }
int run()
{
    int sum;
    foreach (i; 1 .. 50)
    {
        auto dog = new Dog, plain = new Plain, part = new Part;
        auto parts = new Part[3];
        string[int] table;
        table[i] = "x";
        try throw new Failure(i); catch (Failure f) sum += f.code - i;
        sum += dog.speak() - plain.speak() + part.a + parts[0].a + cast(int) table.length - 1;
    }
    return sum;
}
int state() { return local[499] - 4711 + shared_[99] - VERSION; }
void* make_dog() { return cast(void*) new Dog; }
void* make_plain() { return cast(void*) new Plain; }
void* make_failure() { return cast(void*) new Failure(1); }
int start() { auto t = new Thread({ host_wait(); }); t.isDaemon = true; t.start(); return 0; }
D
cc_host host -pthread -rdynamic <<'C'
#include "host.h"
#include <pthread.h>
#include <semaphore.h>

static void *handle, *runtime;
static int notes[4], (*modules)(void), (*ranges)(void);
static sem_t begun, go_on;

void host_note(int what) { __atomic_add_fetch(&notes[what], 1, __ATOMIC_SEQ_CST); }
void host_wait(void) { sem_post(&begun); while (sem_wait(&go_on) != 0) ; }

static void next(void)
{
	static int v = 2;

	if (handle)
		close_guest(handle);
	v = 3 - v;
	replace(v == 1 ? "v1.so" : "v2.so", "guest.so");
	handle = open_guest("./guest.so");
	CHECK(call(handle, "version_") == v && call(handle, "run") == 0);
	CHECK(call(handle, "state") == 0);
}

static void show(const char *what, int gone)
{
	static struct goaudit_generation all[1024];
	char *text;

	do {
		size_t n;

		text = NULL;
		goaudit_reclaim(NULL, 0);
		n = goaudit_generations(all, 1024, sizeof *all);
		while (n-- > 0)
			if (all[n].state == GOAUDIT_RETIRED)
				text = all[n].holders;
	} while (gone && text && usleep(1000) == 0);
	printf("%s: %s; %d modules\n", what, text ? text : "gone", modules());
}

/* The only address of an object, where no collector sees it. */
static uintptr_t hidden;

__attribute__((noinline)) static void make(const char *name)
{
	void *object = ((void *(*)(void))find(handle, name))();

	((void (*)(void *))find(runtime, "gc_addRoot"))(object);
	hidden = ~(uintptr_t)object;
}

__attribute__((noinline)) static void drop(void)
{
	((void (*)(void *))find(runtime, "gc_removeRoot"))((void *)~hidden);
}

/* What was left on the stack. */
__attribute__((noinline)) static void clear(void)
{
	char old[65536];

	memset(old, 0, sizeof old);
	__asm__ volatile("" : : "r"(old) : "memory");
}

static void kept(const char *name)
{
	make(name);
	next();
	show(name, 0);
	drop();
	clear();
	show(name, 1);
}

/* Attached to druntime, it opens a build, and goes on. */
static void *opener(void *arg)
{
	((void (*)(void))find(runtime, "thread_attachThis"))();
	next();
	host_wait();
	return arg;
}

/* A host that has not started druntime. */
static void unknown(void)
{
	replace("v1.so", "guest.so");
	close_guest(open_guest("./guest.so"));
	replace("v2.so", "guest.so");
	close_guest(open_guest("./guest.so"));
	show("unknown", 0);
	_exit(0);
}

static void opened_elsewhere(void)
{
	pthread_t t;

	next();
	CHECK(pthread_create(&t, NULL, opener, NULL) == 0);
	sem_wait(&begun);
	next();
	show("opened elsewhere", 0);
	_exit(0);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[3]), mapped = 0, kept_ranges = 0;
	long rss = 0;
	void *resident;

	setvbuf(stdout, NULL, _IONBF, 0);
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	runtime = open_mode(argv[1], RTLD_NOW | RTLD_GLOBAL);
	CHECK(n < 0 || call(runtime, "rt_init") == 1);
	resident = open_mode(argv[2], RTLD_NOW | RTLD_GLOBAL);
	modules = (int (*)(void))find(resident, "modules");
	ranges = (int (*)(void))find(resident, "ranges");
	if (n < 0)
		unknown();
	if (!n)
		opened_elsewhere();
	for (int i = 0; i < n; i++) {
		next();
		if (i % 3 == 0) { /* parked, and back with its state */
			close_guest(handle);
			handle = open_guest("./guest.so");
			CHECK(call(handle, "state") == 0);
		}
		if (i == n / 2) {
			mapped = maps_with("guest.so");
			kept_ranges = ranges();
			rss = rss_kb();
		}
	}
	printf("%s, %s, %s, %d modules\n", maps_with("guest.so") == mapped ? "mappings flat" : "mappings grow",
	       ranges() == kept_ranges ? "ranges flat" : "ranges grow",
	       rss_kb() - rss < 2 * n ? "memory flat" : "memory grows", modules());
	printf("%s\n", notes[2] == n - 1 && notes[3] == n - 1 ? "module destructors: all but the last" : "not all");
	kept("make_dog");
	kept("make_plain");
	kept("make_failure");
	CHECK(call(handle, "start") == 0);
	sem_wait(&begun);
	next();
	show("thread", 0);
	sem_post(&go_on);
	show("thread", 1);
	return 0;
}
C
numbered() { run_audited ./host "$@" 2>&1 | sed 's/thread [0-9][0-9]*/thread N/g'; }
try() { # COMPILER RUNTIME CYCLES
	expect_output numbered "$2" ./resident.so "$3" <<'E'
mappings flat, ranges flat, memory flat, 1 modules
module destructors: all but the last
make_dog: object of guest.Dog; 2 modules
make_dog: gone; 1 modules
make_plain: object of guest.Plain; 2 modules
make_plain: gone; 1 modules
make_failure: object of guest.Failure; 2 modules
make_failure: gone; 1 modules
thread: a thread of D's, whose stack leads to it; 2 modules
thread: gone; 1 modules
E
	expect_no_snapshots
	expect_output numbered "$2" ./resident.so 0 <<'E'
opened elsewhere: thread N, which opened it: close it on thread N; 1 modules
E
	expect_output numbered "$2" ./resident.so -1 <<'E'
unknown: thread N, which druntime does not know: call rt_init before guests are opened, and close them on a thread of D's; 2 modules
E
}
control_module control languages_asks_loader <<<'int __wrap_languages_asks_loader(void *ad, const void *caller) { return 0; }'
for c in "${compilers[@]}"; do
	if [ $c = ldc2 ]; then
		flags=(ldc2 -shared -relocation-model=pic -link-defaultlib-shared -g) second=-d-version=V2 of=-of=
	else
		flags=(gdc -shared -fPIC -shared-libphobos -g) second=-fversion=V2 of=-o
	fi
	"${flags[@]}" ${of}resident.so resident.d &&
		"${flags[@]}" ${of}v1.so guest.d && "${flags[@]}" ${of}v2.so $second guest.d || fail "$c does not build"
	runtime=$(ldd v1.so | sed -nE 's/.*=> (.*lib(druntime|gphobos)[^ ]*).*/\1/p' | head -1)
	[ -n "$runtime" ] || fail "$c: no shared runtime library"
	try $c "$runtime" ${CYCLES:-1000}
	status=0
	LD_AUDIT=$PWD/control/libgoaudit.so ./host "$runtime" ./resident.so 4 >out 2>&1 || status=$?
	[ $status = 134 ] || fail "$c: the control: status $status: $(cat out)"
done
