#!/bin/bash
# A signal handler of a program with one thread forks, whatever it has interrupted: parent
# and child go on, also where that was the module with a lock in hand.  The child can end,
# start a program, ask the module what is wrong, or return from the handler and work.
# Control: a fork that does not ask who has the locks.
. "$(dirname "$0")/../lib.sh"

# Each way in asks first, but for those that take no lock: what only calls another one, what
# ld.so calls once, looks at names.
if [ -d "$ROOT/audit" ]; then
	cd "$ROOT/audit/api"
	awk '/^[A-Za-z_].*\(/ { head = $0 }
		/CANCEL_OFF\(\);/ { n = split(head, w, /[ *(]+/); for (i = 1; i <= n; i++) if (w[i] ~ /^(dl|goaudit|la|api|decide|resolve|at_exit)/) { open = w[i]; break } }
		/UNLESS_INSIDE|process_is_inside|is_idle/ { open = "" }
		/^}/ && open != "" { print open; open = "" }' ./*.c | sort >"$TEST_DIR/unasked"
	cd "$TEST_DIR"
	diff - unasked <<'D' || fail "a way in that does not ask whether a fork has interrupted us"
dlreload
la_version
resolve
D
fi

for v in 1 2; do
	cc_so v$v.so <<C
int value(void) { return $v; }
C
done
cc_host host <<'C'
#include "host.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile unsigned forks, refused, answered, worked, children;
static volatile bool in_child, over;
static void *handle;
static int tell[2];

/* What the child does: it ends, starts a program, asks, or returns. */
static void in_handler(int unused)
{
	unsigned what = forks++ % 4;
	int saved = errno;
	pid_t child;
	char c = 'a';

	if (in_child)
		return;
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		signal(SIGVTALRM, SIG_IGN);
		alarm(100);
		if (what == 0)
			_exit(0);
		if (what == 1)
			execl("/bin/true", "true", NULL);
		if (what == 2) {
			const char *text = dlerror();

			if (text && strstr(text, "forked by a signal handler"))
				c = 'r';
			CHECK(write(tell[1], &c, 1) == 1);
			_exit(0);
		}
		in_child = true;
		errno = saved;
		return;
	}
	children++;
	errno = saved;
}

static void work(void)
{
	Dl_info info;
	void *h;

	CHECK(!dlsym(handle, "nothing") && dlerror());
	CHECK(call(handle, "value") >= 1);
	CHECK(dladdr(find(handle, "value"), &info));
	h = open_guest("./other.so");
	CHECK(call(h, "value") == 1);
	close_guest(h);
}

static void reload(unsigned i)
{
	sigset_t mask, old;

	/* The child would replace the parent's file. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGVTALRM);
	sigprocmask(SIG_BLOCK, &mask, &old);
	if (!in_child)
		replace(i % 2 ? "v1.so" : "v2.so", "guest.so");
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (dlreload(handle) != handle && !in_child) {
		puts(dlerror());
		CHECK(false);
	}
}

/* A child that has returned from the handler works on, and ends. */
static void end_child(void)
{
	char c = 'w';

	for (int i = 0; i < 3; i++)
		work();
	CHECK(write(tell[1], &c, 1) == 1);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = in_handler, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 1700 }, { 0, 1700 } }, never = { 0 };
	unsigned wanted = atoi(argv[1]);
	int status;
	char c;

	alarm(atoi(argv[2]));
	CHECK(pipe(tell) == 0);
	CHECK(fcntl(tell[1], F_SETPIPE_SZ, 65536) > 0);
	replace("v1.so", "guest.so");
	replace("v1.so", "other.so");
	handle = open_guest("./guest.so");
	sigaction(SIGVTALRM, &act, NULL);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	for (unsigned i = 0; children < wanted && !in_child; i++) {
		work();
		if (i % 8 == 0 && !in_child) {
			reload(i / 8);
			while (waitpid(-1, &status, WNOHANG) > 0)
				CHECK(status == 0);
		}
	}
	if (in_child)
		end_child();
	setitimer(ITIMER_VIRTUAL, &never, NULL);
	while (waitpid(-1, &status, 0) > 0)
		CHECK(status == 0);
	close(tell[1]);
	while (read(tell[0], &c, 1) == 1)
		(*(c == 'r' ? &refused : c == 'a' ? &answered : &worked))++;
	printf("%u refused\n", refused);
	CHECK(answered + refused >= wanted / 4 - 1 && worked >= wanted / 4 - 1);
	return 0;
}
C
run_audited ./host "${FORKS:-200}" 100 >actual.txt 2>&1 || fail "$(cat actual.txt)"
grep -qx "[1-9][0-9]* refused" actual.txt || fail "nothing was interrupted: $(cat actual.txt)"
expect_no_snapshots

control_module blind interrupted_has interrupted_lock <<'C'
#include <pthread.h>
#include <stdbool.h>
bool __wrap_interrupted_has(const pthread_mutex_t *lock) { return false; }
bool __wrap_interrupted_lock(pthread_mutex_t *lock) { return pthread_mutex_lock(lock) == 0; }
C
status=0
{ LD_AUDIT=$PWD/blind/libgoaudit.so ./host 100000 10 >control.txt 2>&1 || status=$?; } 2>/dev/null
[ $status = $((128 + 14)) ] || fail "no fork waits for itself without: $status: $(cat control.txt)"
