#!/bin/bash
# What threads and libc have in a C or C++ guest: each kind holds its old generation by
# name, and that one goes when it lets go; what can be run or undone at the unmap is.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cxx_so v$v.so -DV=$v -pthread <<'C'
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <thread>
extern "C" void host_wait(void);

struct Local { int n = 0; ~Local() { printf("thread_local of %d destroyed\n", V); } };
static thread_local Local local;
static struct Static { ~Static() { printf("static of %d destroyed\n", V); } } object;
static pthread_key_t key;

extern "C" {
int version() { return V; }
void *worker(void *arg) { host_wait(); return arg; }
int start_worker() { pthread_t t; return pthread_create(&t, NULL, worker, NULL) || pthread_detach(t); }
int start_hidden();
int start_std() { std::thread([] { host_wait(); }).detach(); return 0; }
int use_local() { return ++local.n; }
void handler(int) { }
int set_handler() { return signal(SIGUSR1, handler) == SIG_ERR; }
void at_end(int, void *) { printf("at_end of %d\n", V); }
int set_on_exit() { return on_exit(at_end, NULL); }
void end_of_key(void *) { puts("end of key"); }
int set_key() { return pthread_key_create(&key, end_of_key) || pthread_setspecific(key, &key) ? -1 : (int)key; }
int set_and_delete_key() { return pthread_key_create(&key, end_of_key) || pthread_key_delete(key); }
}
static void *nameless(void *arg) { host_wait(); return arg; }
extern "C" int start_hidden() { pthread_t t; return pthread_create(&t, NULL, nameless, NULL) || pthread_detach(t); }
C
done
cc_host host -pthread -rdynamic <<'C'
#include "host.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

static sem_t begun, go_on;
static void *handle;
static const char *function;

void host_wait(void)
{
	sem_post(&begun);
	while (sem_wait(&go_on) != 0)
		;
}

static void *of_the_host(void *arg)
{
	*(int *)arg = call(handle, function);
	host_wait();
	return NULL;
}

/* The first retired generation that is not one of dlreload's caller; waits, and asks again,
 * until there is none if `gone`. */
static void show(const char *what, int gone)
{
	static struct goaudit_generation all[1024];
	char *text = NULL;

	for (;;) {
		size_t n = goaudit_generations(all, 1024, sizeof *all);

		goaudit_reclaim(NULL, 0);
		text = NULL;
		while (n-- > 0)
			if (all[n].state == GOAUDIT_RETIRED)
				text = all[n].holders;
		if (!gone || !text)
			break;
		usleep(1000);
	}
	for (char *p = text; p && (p = strpbrk(p, "0123456789"));)
		if (p[1] && strncmp(p - 7, "thread ", 7) == 0) {
			memmove(p + 1, p + strspn(p, "0123456789"),
				strlen(p + strspn(p, "0123456789")) + 1);
			*p = 'N';
		} else {
			p++;
		}
	printf("%s: %s\n", what, text ? text : "gone");
}

/* Opens the next build in place of the one that is open. */
static void next(void)
{
	static int v = 1;

	close_guest(handle);
	v = 3 - v;
	replace(v == 1 ? "v1.so" : "v2.so", "guest.so");
	handle = open_guest("./guest.so");
	CHECK(call(handle, "version") == v);
}

static void thread_of_the_guest(const char *name)
{
	CHECK(call(handle, name) == 0);
	sem_wait(&begun);
	next();
	show(name, 0);
	sem_post(&go_on);
	show(name, 1);
}

static int thread_of_the_host(const char *name)
{
	pthread_t t;
	int result;

	function = name;
	CHECK(pthread_create(&t, NULL, of_the_host, &result) == 0);
	sem_wait(&begun);
	next();
	show(name, 0);
	sem_post(&go_on);
	pthread_join(t, NULL);
	show(name, 1);
	return result;
}

int main(int argc, char **argv)
{
	int key;

	setvbuf(stdout, NULL, _IONBF, 0);
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	replace("v1.so", "guest.so");
	handle = open_guest("./guest.so");
	thread_of_the_guest("start_worker");
	while (argc > 1)
		pause();	/* the control: its thread returns to what is gone */
	thread_of_the_guest("start_std");
	thread_of_the_guest("start_hidden");
	thread_of_the_host("use_local");
	CHECK(call(handle, "use_local") == 1);
	next();
	show("own thread_local", 0);
	key = thread_of_the_host("set_key");
	CHECK(key >= 0 && pthread_setspecific(key, &key) == EINVAL);
	CHECK(call(handle, "set_and_delete_key") == 0);
	CHECK(pthread_key_create((pthread_key_t *)&key, NULL) == 0);
	next();
	show("key deleted", 0);
	CHECK(pthread_setspecific(key, &key) == 0);	/* it is the host's now */
	CHECK(call(handle, "set_handler") == 0);
	next();
	show("set_handler", 0);
	signal(SIGUSR1, SIG_DFL);
	show("set_handler", 1);
	CHECK(call(handle, "set_on_exit") == 0);
	next();
	show("set_on_exit", 0);
	return 0;
}
C
sed 's/^start_hidden: thread N runs its code at 0x[0-9a-f]*$/start_hidden: thread N runs its code at X/' \
	<(run_audited ./host 2>&1; echo "status $?") >out
diff - out <<'E' || fail "holders are not as expected"
start_worker: thread N runs its worker
static of 1 destroyed
start_worker: gone
start_std: thread N runs code of it
static of 2 destroyed
start_std: gone
start_hidden: thread N runs its code at X
static of 1 destroyed
start_hidden: gone
use_local: thread N has a thread_local of it
thread_local of 2 destroyed
static of 2 destroyed
use_local: gone
thread_local of 1 destroyed
static of 1 destroyed
own thread_local: gone
static of 2 destroyed
set_key: gone
set_key: gone
static of 1 destroyed
key deleted: gone
set_handler: signal 10, whose handler is its handler
static of 2 destroyed
set_handler: gone
set_on_exit: on_exit, which will call its at_end
static of 2 destroyed
at_end of 1
static of 1 destroyed
status 0
E
expect_no_snapshots

# Without what counts them a thread's code is unmapped below it: SIGSEGV.
control_module control threads_create <<'C'
#include <pthread.h>
extern __typeof__(pthread_create) *real_pthread_create;
int __wrap_threads_create(void *rl, pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	return real_pthread_create(t, a, f, arg);
}
C
status=0
LD_AUDIT=$PWD/control/libgoaudit.so ./host short >out 2>&1 || status=$?
[ $status = 139 ] || fail "the control: status $status: $(cat out)"
grep -q 'start_worker: gone' out || fail "the control: $(cat out)"
