#!/bin/bash
# What a host may do around a reload that glibc allows: constructors that start
# threads, fork handlers of its own, threads that are being cancelled, threads
# with the smallest stack, mlockall, handlers at exit that open again, and
# destructors that open their own guest. Each has hung, crashed or lost a
# reference once.
. "$(dirname "$0")/../lib.sh"

cat >host.c <<'C'
#include "host.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void *nothing(void *arg) { return arg; }

static void with_threads_in_constructors(void)
{
	void *h = open_guest("./threads.so");

	printf("constructor's thread: %d\n", call(h, "value"));
	close_guest(h);
	replace("threads2.so", "threads.so");
	h = open_guest("./threads.so");		/* the old one's destructor starts one too */
	printf("after the reload: %d\n", call(h, "value"));
	close_guest(h);
}

static void handler(void)
{
	void *h = open_guest("./plain.so");

	close_guest(h);
}

static void with_fork_handlers(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	puts("forked");
}

static void *cancelled(void *arg)
{
	void *h;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	h = dlopen(arg, FLAGS);
	if (h)
		dlclose(h);
	return "returned";
}

static void with_cancellation(void)
{
	static const char *const names[] = { "./plain.so", "bare.so", "./absent.so" };
	pthread_t t;
	void *result;

	for (int i = 0; i < 3; i++) {
		CHECK(!pthread_create(&t, NULL, cancelled, (void *)names[i]));
		pthread_join(t, &result);
		printf("cancelled in dlopen of %s: %s\n", names[i],
		       result == PTHREAD_CANCELED ? "CANCELED" : (char *)result);
	}
}

static void *small(void *arg)
{
	void *h = dlopen("./plain.so", RTLD_NOW);

	return h && dlclose(h) == 0 ? "fits" : "fails";
}

static void with_small_stack(void)
{
	pthread_attr_t attr;
	pthread_t t;
	void *result;

	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstacksize(&attr, 16384));
	CHECK(!pthread_create(&t, &attr, small, NULL));
	pthread_join(t, &result);
	printf("a stack of 16 KB: %s\n", (char *)result);
}

static void with_global_scope(void)
{
	void *library = open_mode("./libglobal.so", RTLD_NOW | RTLD_GLOBAL);
	void *h = open_guest("./user.so");

	printf("bound: %d\n", call(h, "value"));
	close_guest(h);
	close_guest(library);			/* parked objects keep it */
	h = open_guest("./user.so");
	printf("still bound: %d\n", call(h, "value"));
	close_guest(h);
}

static void *again(void *h, const char *to)
{
	replace(to, "./own.so");
	h = dlreload(h);
	CHECK(h);
	return h;
}

static void with_own_destructor(void)
{
	void *h;

	replace("own1.so", "own.so");
	h = again(open_guest("./own.so"), "own2.so");
	h = again(h, "own1.so");
	printf("destructor has opened its own guest: %d\n", call(h, "value"));
	close_guest(h);
}

static void at_the_end(void)
{
	void *h = open_guest("./plain.so");

	printf("at exit: %d\n", call(h, "value") > 0);
	close_guest(h);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	atexit(at_the_end);			/* before the module's own */
	pthread_atfork(handler, handler, handler);
	with_threads_in_constructors();
	with_fork_handlers();
	with_cancellation();
	with_small_stack();
	with_global_scope();
	with_own_destructor();
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0 || errno == ENOMEM || errno == EPERM);
	munlockall();
	puts("end of main");
	return 0;
}
C
for n in 1 2; do
	cc_so threads$n.so -DN=$n -pthread <<'C'
#include <pthread.h>
static int started;
static void *run(void *arg) { started += N; return arg; }
static void start(void)
{
	pthread_t t;
	pthread_create(&t, 0, run, 0);
	pthread_join(t, 0);
}
__attribute__((constructor)) static void begin(void) { start(); }
__attribute__((destructor)) static void end(void) { start(); }
int value(void) { return started; }
C
	cc_so own$n.so -DN=$n <<'C'
#include <dlfcn.h>
#include "goaudit.h"
int value(void) { return N; }
__attribute__((destructor)) static void end(void)
{
	void *h = dlopen("./own.so", RTLD_NOW | RTLD_RELOADABLE);
	if (h)
		dlclose(h);
}
C
done
cp threads1.so threads.so
cc_so plain.so <<<'int value(void) { static int n; return ++n; }'
mkdir -p bare && cp plain.so bare/bare.so
cc_so libglobal.so <<<'int global(void) { return 41; }'
cc_so user.so <<<'int global(void); int value(void) { return global() + 1; }'
cc_host host -pthread <host.c
expect_output run_audited env LD_LIBRARY_PATH=bare ./host <<'E'
constructor's thread: 1
after the reload: 2
forked
cancelled in dlopen of ./plain.so: returned
cancelled in dlopen of bare.so: returned
cancelled in dlopen of ./absent.so: returned
a stack of 16 KB: fits
bound: 42
still bound: 42
destructor has opened its own guest: 1
end of main
at exit: 1
E

# More dependencies than any table of fixed size has room for.
args=() declared= sum=0
for n in $(seq 40); do
	cc_so libd$n.so -Wl,-soname,libd$n.so <<<"int d$n(void) { return $n; }"
	# shellcheck disable=SC2206
	args+=(-ld$n)
	declared+="int d$n(void);"
	sum+="+d$n()"
done
cc_so many.so -L. "${args[@]}" -Wl,-rpath,'$ORIGIN' <<<"$declared int value(void) { return $sum; }"
cc_host deps <<'C'
#include "host.h"
int main(void)
{
	void *h = open_guest("./many.so");

	printf("%d\n", call(h, "value"));
	close_guest(h);
	close_guest(open_mode("./plain.so", RTLD_NOW));
	printf("%d\n", call(open_guest("./many.so"), "value"));
	return 0;
}
C
expect_output run_audited ./deps <<'E'
820
820
E
