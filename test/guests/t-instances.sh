#!/bin/bash
# Instances: a thousand copies of one plugin, each with globals and thread-local variables of
# its own, each call of the host answered in the caller's context; they have one file in
# common; all of them, or one, are moved to a new build, also at one moment: then all, or none
# if one cannot; closed ones are gone, and their handles refused; a limit is an error
# that leaves nothing.  Threads open and close them while signals ask for addresses.
# GOAUDIT_TEST_INSTANCES: so many are opened, default 1000; `most': also as many as the kernel
# lets (make soak).
. "$(dirname "$0")/../lib.sh"

# The example.
cp "$ROOT"/audit/examples/instances/*.c .
sed 's/VERSION 1/VERSION 2/' plugin.c >plugin2.c
cc_so first.so <plugin.c
cc_so second.so <plugin2.c
cp first.so plugin.so
cc_host example -rdynamic <host.c
ends_saying 2 "usage: LD_AUDIT=libgoaudit.so ./host PLUGIN.so N" ./example ./plugin.so 1
coproc example { exec env LD_AUDIT="$AUDIT" ./example ./plugin.so 1000 2>&1; }
# shellcheck disable=SC2154	# coproc sets it
pid=$example_PID to=${example[1]} from=${example[0]}
says() {
	local a b
	read -r a <&"$from" && read -r b <&"$from" || fail "the example has ended: $a"
	[ "$a|$b" = "$1" ] || fail "the example: $a|$b"
}
says "the first: 1: hello you, 0|the last:  1: hello you, 1998"
# shellcheck disable=SC2094	# a command has the file's name
"$GOAUDIT_BUILD/goaudit" status "$pid" >status
for n in 1 17 1000; do
	[ "$(grep -c "  $PWD/plugin.so#$n (not Go)\$" status)" = 1 ] || fail "status: $(tail -n 3 status)"
done
cp second.so plugin.so.new
mv plugin.so.new plugin.so
echo >&"$to"
says "the first: 2: hello you, 0|the last:  2: hello you, 1998"
exec {to}>&-
wait "$pid"
expect_no_snapshots

cc_so plugin.so <<'C'
#include <pthread.h>
long host_base(void);
static long sum;
static __thread long tls = 7;
int touched;
long add(long n)
{
	sum += host_base() + n;
	tls++;
	return sum * 100 + tls;
}
int version(void) { return 1; }
C
cc_so plugin2.so <<'C'
int version(void) { return 2; }
long add(long n) { return n; }
int only_here(void) { return 2; }
int touched;
C
cc_so plugin3.so <<'C'
int version(void) { return 3; }
long add(long n) { return n; }
int touched;
C
cc_host host -rdynamic -pthread <<'C'
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host.h"

#define MOST 20000

static void *h[MOST];
static long base[MOST];
static long (*add[MOST])(long);

long host_base(void)
{
	long *mine = goaudit_context_of(__builtin_return_address(0));

	CHECK(mine);
	return *mine;
}

static void *open_one(long *context)
{
	return goaudit_open_instance("./plugin.so", RTLD_NOW, context);
}

static void own_state(int n)
{
	for (int i = 0; i < n; i++) {
		base[i] = 1000 * i;
		h[i] = open_one(&base[i]);
		CHECK(h[i]);
		add[i] = (long (*)(long))find(h[i], "add");
		CHECK(goaudit_instance_of((void *)add[i]) == h[i]);
		CHECK(goaudit_instance_of(find(h[i], "touched")) == h[i]);
		CHECK(goaudit_context_of(find(h[i], "touched")) == &base[i]);
		CHECK(!*(int *)find(h[i], "touched"));
		*(int *)find(h[i], "touched") = 1;
	}
	for (int k = 1; k <= 2; k++)
		for (int i = 0; i < n; i++)
			CHECK(add[i](i) == k * 1001l * i * 100 + 7 + k);
}

static void closed(int n)
{
	void *address = find(h[0], "touched");

	for (int i = 0; i < n; i++)
		close_guest(h[i]);
	CHECK(!goaudit_instance_of(address) && !goaudit_context_of(address));
	for (int i = 0; i < n; i++)
		CHECK(dlclose(h[i]) == -1 && strstr(dlerror(), "was closed before"));
	CHECK(!dlsym(h[n - 1], "add") && strstr(dlerror(), "was closed before"));
	CHECK(maps_with("plugin.so") == 0 && snapshot_files() == 0);
}

static void moved(int n)
{
	int (*version)(void) = (int (*)(void))find(h[1], "version");

	CHECK(version() == 1);
	replace("plugin2.so", "plugin.so");
	CHECK(dlreload(h[0]) == h[0] && call(h[0], "version") == 2 && version() == 1);
	CHECK(goaudit_reload_instances("./plugin.so", NULL) == n && version() == 2);
	for (int i = 0; i < n; i++) {
		CHECK(call(h[i], "version") == 2 && add[i](5) == 5);
		CHECK(goaudit_context_of(find(h[i], "touched")) == &base[i]);
	}
	CHECK(goaudit_reload_instances("./other.so", NULL) == 0);
}

/* The last of them has a function that the next build lacks. */
static void moved_together(int n)
{
	struct goaudit_reload_options o = { .size = sizeof o,
					    .flags = GOAUDIT_RELOAD_TOGETHER };
	int (*only)(void) = (int (*)(void))find(h[n - 1], "only_here");
	int maps = maps_with("plugin.so"), files = snapshot_files();

	*(int *)find(h[0], "touched") = 17;
	replace("plugin3.so", "plugin.so");
	CHECK(goaudit_reload_instances("./plugin.so", &o) == -1);
	CHECK(strstr(dlerror(), "the new build has no function only_here"));
	for (int i = 0; i < n; i++)
		CHECK(call(h[i], "version") == 2 && add[i](5) == 5);
	CHECK(only() == 2 && *(int *)find(h[0], "touched") == 17);
	CHECK(maps_with("plugin.so") == maps && snapshot_files() == files);
	o.flags |= GOAUDIT_RELOAD_LACKING;
	CHECK(goaudit_reload_instances("./plugin.so", &o) == n);
	for (int i = 0; i < n; i++) {
		CHECK(call(h[i], "version") == 3 && add[i](5) == 5);
		CHECK(goaudit_context_of(find(h[i], "touched")) == &base[i]);
	}
	CHECK(*(int *)find(h[0], "touched") == 0);
	/* They are the new build already. */
	CHECK(goaudit_reload_instances("./plugin.so", &o) == n);
}

/* A file for each would be counted once each. */
static void one_file(int n)
{
	struct stat st;

	CHECK(stat(((struct link_map *)h[0])->l_name, &st) == 0 && (int)st.st_nlink >= n);
}

static long vsize_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0;

	CHECK(fscanf(f, "%ld", &size) == 1);
	fclose(f);
	return size * 4;
}

static void refused(void)
{
	struct rlimit all, some;
	char many[100], *text;
	int n = 0;

	CHECK(!goaudit_open_instance("plugin.so", RTLD_NOW, NULL));
	puts(dlerror());
	CHECK(!goaudit_open_instance("./none.so", RTLD_NOW, NULL));
	puts(dlerror());
	CHECK(!goaudit_open_instance("./plugin.so", RTLD_NOW | RTLD_GLOBAL, NULL));
	puts(dlerror());
	CHECK(!goaudit_open_instance("./linked.so", RTLD_NOW, NULL));
	puts(dlerror());
	/* No more address space: what has been opened works, and all can be closed. */
	CHECK(getrlimit(RLIMIT_AS, &all) == 0);
	some = all;
	some.rlim_cur = vsize_kb() * 1024 + (4ul << 20);
	CHECK(setrlimit(RLIMIT_AS, &some) == 0);
	while (n < MOST && (h[n] = open_one(&base[n])))
		n++;
	CHECK(n < MOST);
	text = dlerror();
	CHECK(strstr(text, "plugin.so: "));
	sprintf(many, ": %d instances are open, and no more fit: close some, or raise ", n);
	CHECK(strstr(text, many));
	CHECK(setrlimit(RLIMIT_AS, &all) == 0);
	CHECK(n == 0 || call(h[0], "version") == 1);
	while (n)
		close_guest(h[--n]);
}

/* --- threads and signals ------------------------------------------------------------- */

#define THREADS 8

static void *fixed, *fixed_address;
static volatile sig_atomic_t asked;
static int stop;
static pthread_barrier_t end;

static void ask(int sig)
{
	if (goaudit_instance_of(fixed_address) != fixed ||
	    goaudit_context_of(fixed_address) != &base[MOST - 1] ||
	    goaudit_instance_of((void *)&asked))
		_exit(3);
	asked++;
}

static void *open_and_close(void *arg)
{
	long own = (long)arg * 10;

	for (int i = 0; i < 150; i++) {
		void *g = open_one(&own);

		CHECK(g && goaudit_context_of(find(g, "touched")) == &own);
		CHECK(((long (*)(long))find(g, "add"))(1) == (own + 1) * 100 + 8);
		close_guest(g);
	}
	pthread_barrier_wait(&end);
	pthread_barrier_wait(&end); /* while signals may still come */
	return NULL;
}

static void *signals(void *arg)
{
	pthread_t *t = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		for (int i = 0; i < THREADS; i++)
			pthread_kill(t[i], SIGUSR1);
	return NULL;
}

static void threads(void)
{
	static pthread_t t[THREADS];
	pthread_t sender;

	fixed = open_one(&base[MOST - 1]);
	fixed_address = find(fixed, "touched");
	signal(SIGUSR1, ask);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, open_and_close, (void *)i) == 0);
	CHECK(pthread_create(&sender, NULL, signals, t) == 0);
	pthread_barrier_wait(&end);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK(pthread_join(sender, NULL) == 0);
	pthread_barrier_wait(&end);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(asked > 0);
	close_guest(fixed);
}

/* As many as the kernel lets: with five mappings each, some 13,000. */
static void most(void)
{
	char many[100], *text;
	long limit;
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	int n = 0, maps = maps_with(""), fit;

	CHECK(f && fscanf(f, "%ld", &limit) == 1);
	fclose(f);
	fit = (limit - maps) / 5;
	while (n < MOST && (h[n] = open_one(&base[n])))
		n++;
	CHECK(n >= (fit < MOST ? fit : MOST) - fit / 50);
	if (n < MOST) {
		text = dlerror();
		sprintf(many, ": %d instances are open, and no more fit: close some, or raise ", n);
		CHECK(strstr(text, many));
	}
	fprintf(stderr, "%d instances, %d mappings\n", n, maps_with(""));
	CHECK(goaudit_context_of(((struct link_map *)h[n / 2])->l_ld) == &base[n / 2]);
	while (n)
		close_guest(h[--n]);
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	CHECK(maps_with("plugin.so") == 0 && snapshot_files() == 0);
	CHECK(maps_with("") < maps + 100);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]);

	if (n == 0) {
		overwrite("plugin1.so", "plugin.so");
		most();
		return 0;
	}
	overwrite("plugin1.so", "plugin.so");
	own_state(n);
	one_file(n);
	moved(n);
	moved_together(n);
	closed(n);
	replace("plugin1.so", "plugin.so");
	refused();
	threads();
	CHECK(goaudit_reclaim(NULL, -1) == 0);
	CHECK(maps_with("plugin.so") == 0 && snapshot_files() == 0);
	return 0;
}
C
mv plugin.so plugin1.so
echo 'int linked;' | cc_so linked.so
n=${GOAUDIT_TEST_INSTANCES:-1000}
if [ "$n" = most ]; then
	n=1000
	run_audited ./host 0
	expect_no_snapshots
fi
expect_output env LD_PRELOAD=./linked.so LD_AUDIT="$AUDIT" ./host "$n" <<'E'
plugin.so: no instance can be opened of it: it is no file that can be read: give a path with a slash
./none.so: no instance can be opened of it: it is no file that can be read: give a path with a slash
./plugin.so: mode 0x102: not for an instance: RTLD_LAZY or RTLD_NOW, with RTLD_DEEPBIND or RTLD_PANIC_RETURN
./linked.so: the process has it already, and its instances would be bound to that one's symbols: open it with RTLD_DEEPBIND
E
expect_no_snapshots
