#!/bin/bash
# A fork at any moment: while other threads look up, open, close, reload, initialise, walk
# the list of objects, or wait; and from a child.  In the
# child everything returns, what another thread had not finished never was, and the
# parent is not affected.
. "$(dirname "$0")/../lib.sh"

# --- every lock of the module is known to its fork handlers (api/process.c, before_fork) ------
if [ -d "$ROOT/audit" ]; then
	sed -nE 's/^(extern |static )?pthread_(mutex|rwlock|spinlock)_t \*?([a-z_]*lock)\b.*/\3/p
		s/^\t+pthread_(mutex|rwlock|spinlock)_t \*?([a-z_]*lock);.*/\2/p' \
		$(module_sources '*.[ch]') | sort | uniq -c | sed 's/^ *//' >locks
	# core.lock, errors.lock and panics.lock are one name; ld.so's have others.  memory_lock is defined and declared.
	diff - locks <<'L' || fail "a lock that before_fork does not know, or that is gone"
1 calls_lock
3 lock
2 memory_lock
L
	! grep -nE 'pthread_once|sem_wait|flockfile|fopen|setenv' $(module_sources '*.c') ||
		fail "state of the auditor's libc that a fork does not mend"
fi

for v in 1 2 3; do
	cc_so v$v.so <<C
#include <stdlib.h>
#include <unistd.h>
static int n = $v * 100;
int value(void) { return n++; }
/* The descriptors are those of the host (below): 100 says that it has begun, 101 ends it. */
static void wait_here(char where)
{
	char c;

	if (getenv("WAIT_IN") && *getenv("WAIT_IN") == where && $v == 2 &&
	    write(100, "", 1) == 1 && read(101, &c, 1) == 1)
		return;
}
__attribute__((constructor)) static void begin(void) { wait_here('c'); }
void *goaudit_save(size_t *size, unsigned *version) { *size = 1; *version = 0; return malloc(1); }
int goaudit_load(const void *data, size_t size, unsigned version) { wait_here('l'); return 0; }
C
done
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

static void *handle, *other;
static volatile bool over;

static void end_well(pid_t child)
{
	int status;

	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		printf("child: signal %d\n", WTERMSIG(status));
	CHECK(status == 0);
}

static pid_t fork_child(void)
{
	pid_t child = fork();

	if (child == 0)
		alarm(120);	/* what hangs ends by a signal */
	return child;
}

/* --- threads that do one thing in a loop --- */

static void *look_up(void *arg)
{
	while (!over) {
		CHECK(!dlsym(handle, "nothing"));
		CHECK(dlerror());
	}
	return arg;
}

static void *ask(void *arg)
{
	Dl_info info;
	char folder[PATH_MAX];

	while (!over) {
		CHECK(dladdr(find(other, "value"), &info));
		CHECK(dlinfo(other, RTLD_DI_ORIGIN, folder) == 0);
	}
	return arg;
}

static int one(struct dl_phdr_info *info, size_t size, void *arg) { return 0; }
static void *walk(void *arg)
{
	while (!over)
		dl_iterate_phdr(one, NULL);
	return arg;
}

static void *reload(void *arg)
{
	for (int i = 0; !over; i++) {
		replace(i % 2 ? "v1.so" : "v3.so", "guest.so");
		CHECK(dlreload(handle) == handle);
	}
	return arg;
}

static void *reopen(void *arg)
{
	while (!over)
		close_guest(open_guest("./third.so"));
	return arg;
}

static void in_child(void)
{
	void *h;

	CHECK(!dlsym(other, "nothing") && dlerror());
	CHECK(call(other, "value") >= 100);
	close_guest(other);
	CHECK(open_guest("./other.so") == other);
	CHECK(call(handle, "value") >= 100);
	h = open_guest("./guest.so");
	CHECK(h == handle && call(h, "value") >= 100);
	close_guest(open_guest("./third.so"));
	replace("v2.so", "child.so");
	h = open_guest("./child.so");
	CHECK(call(h, "value") == 200);
	replace("v3.so", "child.so");
	CHECK(dlreload(h) && call(h, "value") == 300);
	end_well(fork() ? : (_exit(0), 0));
}

static void any_time(int times)
{
	static void *(*const all[])(void *) = { look_up, look_up, ask, walk, reload, reopen };
	pthread_t t[sizeof all / sizeof *all];
	pid_t child;

	for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
		CHECK(pthread_create(&t[i], NULL, all[i], NULL) == 0);
	while (times-- > 0) {
		if ((child = fork_child()) == 0) {
			in_child();
			_exit(0);
		}
		end_well(child);
	}
	over = true;
	for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
		pthread_join(t[i], NULL);
}

/* --- while another thread is in the middle of bringing a build in --- */

static void *reload_once(void *arg)
{
	CHECK(dlreload(handle) == handle);
	return arg;
}

static void *open_once(void *arg)
{
	*(void **)arg = open_guest("./new.so");
	return arg;
}

static void interrupted(bool new)
{
	int begun[2], end[2];
	void *opened = NULL;
	pthread_t t;
	pid_t child;
	char c;

	CHECK(pipe(begun) == 0 && pipe(end) == 0);
	CHECK(dup2(begun[1], 100) == 100 && dup2(end[0], 101) == 101);
	replace("v2.so", new ? "new.so" : "guest.so");
	pthread_create(&t, NULL, new ? open_once : reload_once, &opened);
	CHECK(read(begun[0], &c, 1) == 1);
	if ((child = fork_child()) == 0) {
		unsetenv("WAIT_IN");
		if (new) {
			CHECK(call(open_guest("./new.so"), "value") == 200);
		} else {
			printf("child: %d", call(handle, "value"));
			CHECK(open_guest("./guest.so") == handle);
			printf(" %d", call(handle, "value"));
			CHECK(dlreload(handle) == handle);
			printf(" %d", call(handle, "value"));
		}
		replace("v3.so", new ? "new.so" : "guest.so");
		printf(" %d\n", call(new ? dlreload(open_guest("./new.so")) : dlreload(handle),
				     "value"));
		exit(0);
	}
	end_well(child);
	replace("v2.so", new ? "new.so" : "guest.so");
	CHECK(write(end[1], "", 1) == 1);
	pthread_join(t, NULL);
	printf("parent: %d\n", call(new ? opened : handle, "value"));
}

/* --- what belongs to a thread --- */

static int reloads;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t reloaded = PTHREAD_COND_INITIALIZER;

static void count(void *h, const char *error, void *arg)
{
	CHECK(!error);
	pthread_mutex_lock(&lock);
	reloads++;
	pthread_cond_signal(&reloaded);
	pthread_mutex_unlock(&lock);
}

static void belongings(void)
{
	pid_t child;

	CHECK(goaudit_watch(handle, count, NULL) == 0);
	CHECK(!dlsym(handle, "nothing"));
	if ((child = fork_child()) == 0) {
		const char *text = dlerror();

		CHECK(text && strstr(text, "guest.so"));
		CHECK(!dlerror());
		CHECK(goaudit_watch(handle, NULL, NULL) == 0);	/* in the child only */
		exit(0);
	}
	end_well(child);
	CHECK(dlerror());
	pthread_mutex_lock(&lock);
	replace("v3.so", "guest.so");
	while (!reloads)
		pthread_cond_wait(&reloaded, &lock);
	pthread_mutex_unlock(&lock);
	CHECK(goaudit_watch(handle, NULL, NULL) == 0);
	printf("watched: %d\n", call(handle, "value"));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	replace("v1.so", "guest.so");
	replace("v1.so", "other.so");
	replace("v1.so", "third.so");
	handle = open_guest("./guest.so");
	other = open_guest("./other.so");
	if (strcmp(argv[1], "any time") == 0)
		any_time(atoi(argv[2]));
	else if (strcmp(argv[1], "reload") == 0)
		interrupted(false);
	else if (strcmp(argv[1], "open") == 0)
		interrupted(true);
	else
		belongings();
	return 0;
}
C
expect_refused ./host "any time" 1
expect_output run_audited ./host "any time" "${FORKS:-20}" </dev/null
expect_output run_audited env WAIT_IN=load ./host reload <<'E2'
child: 100 101 200 300
parent: 200
E2
expect_output run_audited env WAIT_IN=constructor ./host open <<'E2'
 300
parent: 200
E2
# The constructor holds ld.so's lock, so the fork does not wait for its end for ever.
expect_output run_audited env WAIT_IN=constructor ./host reload <<'E2'
child: 100 101 200 300
parent: 200
E2
expect_output run_audited ./host belongings <<<'watched: 300'
expect_no_snapshots
