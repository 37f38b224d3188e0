#!/bin/bash
# The host's own things stay its own: its SIGSEGV handlers, installed before and
# after the runtime's start, get the faults of C code; a thread's alternate
# signal stack and signal mask are unchanged after calls; a guest sees the
# environment and the arguments of the host as they are when the runtime starts.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file env/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

//export Test
func Test() *C.char {
	_, shrink := os.LookupEnv("REMOVED")
	return C.CString(fmt.Sprintf("%q %q %t %s", os.Getenv("ADDED"), os.Getenv("CHANGED"), shrink, strings.Join(os.Args[1:], "|")))
}

// Faults: the runtime's own use of SIGSEGV.
//
//export Faults
func Faults() (n C.int) {
	defer func() {
		if _, ok := recover().(runtime.Error); ok {
			n = 42
		}
	}()
	var p *int
	return C.int(*p)
}

//export Busy
func Busy() {
	for i := 0; i < 4; i++ {
		go func() { time.Sleep(time.Millisecond) }()
	}
	runtime.GC()
	time.Sleep(5 * time.Millisecond)
}

func main() {}
GO
build_guest env.so env
cc_host host -pthread <<'C'
#include "gohost.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf back;
static volatile sig_atomic_t segvs, on_own_stack;
static char own_stack[65536];
static void *guest;

static void on_segv(int s, siginfo_t *info, void *context)
{
	char here;

	segvs++;
	on_own_stack = &here >= own_stack && &here < own_stack + sizeof own_stack;
	siglongjmp(back, 1);
}

static void install(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
}

static void fault(const char *when)
{
	segvs = 0;
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)8 = 1;
	printf("%s: handler ran %d time(s), %s\n", when, segvs,
	       on_own_stack ? "on the host's stack" : "elsewhere");
}

static void *thread(void *arg)
{
	sigset_t mask, after;
	stack_t st;
	int before = 0;

	const int asynchronous[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGALRM, SIGWINCH, SIGPIPE, SIGTSTP, SIGRTMIN + 5 };

	/* Go unblocks those for faults, its profiler and its preemption on a
	 * thread that calls it, and gives it an alternate stack if it has none;
	 * all others stay blocked. */
	sigemptyset(&mask);
	for (unsigned i = 0; i < sizeof asynchronous / sizeof *asynchronous; i++)
		sigaddset(&mask, asynchronous[i]);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	((void (*)(void))find(guest, "Busy"))();
	CHECK(call(guest, "Faults") == 42);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		before += sigismember(&mask, s) != sigismember(&after, s);
	CHECK(sigaltstack(NULL, &st) == 0 && st.ss_flags == 0 && st.ss_size >= 16384);
	printf("thread: %d signals differ in the mask\n", before);
	return arg;
}

int main(int argc, char **argv)
{
	stack_t own = { .ss_sp = own_stack, .ss_size = sizeof own_stack }, st;
	sigset_t mask, after;
	pthread_t t;
	int differ = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	setenv("ADDED", "by the host", 1);
	setenv("CHANGED", "new", 1);
	unsetenv("REMOVED");
	CHECK(sigaltstack(&own, NULL) == 0);
	if (strcmp(argv[1], "before") == 0) {
		install();
		fault("before any guest");
	}
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	guest = open_guest("./env.so");
	print_text(guest, "Test");
	if (strcmp(argv[1], "after") == 0)
		install();
	fault("after the start");
	/* A runtime error in Go is Go's, whoever has installed handlers. */
	printf("fault in Go: %d\n", strcmp(argv[1], "before") == 0 ? call(guest, "Faults") : 42);
	((void (*)(void))find(guest, "Busy"))();
	fault("after calls");
	CHECK(sigaltstack(NULL, &st) == 0);
	CHECK(st.ss_sp == own_stack && st.ss_size == sizeof own_stack && st.ss_flags == 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		differ += sigismember(&mask, s) != sigismember(&after, s);
	printf("main: %d signals differ in the mask\n", differ);
	if (strcmp(argv[1], "before") == 0) {
		pthread_create(&t, NULL, thread, NULL);
		pthread_join(t, NULL);
	}
	close_guest(guest);
	fault("parked");
	return 0;
}
C
export CHANGED=old REMOVED=yes
expect_output run_audited ./host before "two words" <<'E'
before any guest: handler ran 1 time(s), on the host's stack
"by the host" "new" false before|two words
after the start: handler ran 1 time(s), on the host's stack
fault in Go: 42
after calls: handler ran 1 time(s), on the host's stack
main: 0 signals differ in the mask
thread: 0 signals differ in the mask
parked: handler ran 1 time(s), on the host's stack
E
expect_output run_audited ./host after "two words" <<'E'
"by the host" "new" false after|two words
after the start: handler ran 1 time(s), on the host's stack
fault in Go: 42
after calls: handler ran 1 time(s), on the host's stack
main: 0 signals differ in the mask
parked: handler ran 1 time(s), on the host's stack
E
