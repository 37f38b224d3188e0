#!/bin/bash
# Snapshots that forked processes may need stay, and no others: of children that open
# guests of their own, of helpers that live on or run another program, of a daemon, and of
# a host that starts itself again.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cc_so v$v.so <<<"int value(void) { return $v; }"
done
cp v1.so guest.so
cc_host host <<'C'
#include "host.h"
#include <signal.h>
#include <sys/wait.h>

static void *handle;

static void reload(int times)
{
	for (int i = 0; i < times; i++) {
		replace(call(handle, "value") == 1 ? "v2.so" : "v1.so", "guest.so");
		handle = dlreload(handle);
		CHECK(handle && call(handle, "value") > 0);
	}
}

static void open_it(void)
{
	replace("v1.so", "guest.so");
	handle = open_guest("./guest.so");
}

static void wait_for(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void end(pid_t child)
{
	int status;

	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
}

/* A child that lives until end(), as it is or with another program. */
static pid_t helper(const char *program)
{
	int started[2];
	pid_t child;
	char c;

	CHECK(pipe2(started, O_CLOEXEC) == 0);
	child = fork();
	if (!child) {
		if (program)
			execlp(program, program, "900", NULL);
		close(started[0]);
		close(started[1]);
		for (;;)
			pause();
	}
	close(started[1]);
	CHECK(read(started[0], &c, 1) == 0);
	close(started[0]);
	return child;
}

static void children(void)
{
	int stop[2];
	pid_t child[8];

	CHECK(pipe(stop) == 0);
	for (int i = 0; i < 8; i++) {
		child[i] = fork();
		if (!child[i]) {
			char c;

			close(stop[1]);
			CHECK(call(open_guest("./guest.so"), "value") == 1);
			CHECK(read(stop[0], &c, 1) == 0);
			exit(0);
		}
	}
	close(stop[1]);
	for (int i = 0; i < 8; i++)
		wait_for(child[i]);
}

static void living(const char *program)
{
	char first[400];
	pid_t child;

	open_it();
	strcpy(first, generation_of(handle).snapshot);
	child = helper(program);
	reload(20);
	printf("%d files, the first one is %s\n", snapshot_files(),
	       access(first, F_OK) == 0 ? "there" : "gone");
	end(child);
	reload(1);
	printf("without the helper: %d\n", snapshot_files());
}

/* Each helper is started before its predecessor has ended. */
static void relay(void)
{
	pid_t child, later;

	open_it();
	child = helper(NULL);
	for (int i = 0; i < 10; i++) {
		reload(2);
		later = helper(NULL);
		end(child);
		child = later;
	}
	reload(2);
	printf("%d files\n", snapshot_files());
	end(child);
}

static void as_daemon(void)
{
	int living[2];
	char c;

	open_it();
	CHECK(pipe(living) == 0);
	if (fork())
		_exit(0);		/* as daemon(3) */
	close(living[1]);
	CHECK(read(living[0], &c, 1) == 0);
	reload(5);
	printf("%d files\n", snapshot_files());
	exit(0);
}

static void again(char **argv, int times)
{
	char number[20];

	open_it();
	reload(3);
	if (!times) {
		printf("%d files\n", snapshot_files());
		exit(0);
	}
	snprintf(number, sizeof number, "%d", times - 1);
	execl("/proc/self/exe", argv[0], "again", number, NULL);
	_exit(1);
}

int main(int argc, char **argv)
{
	switch (argv[1][0]) {
	case 'c': children(); break;
	case 'l': living(argv[2]); break;
	case 'r': relay(); break;
	case 'd': as_daemon(); break;
	case 'a': again(argv, atoi(argv[2])); break;
	}
	return 0;
}
C
expect_output run_audited ./host children </dev/null
expect_no_snapshots
# The current one, the one before it, which is parked, and the helper's.
expect_output run_audited ./host living <<'E'
3 files, the first one is there
without the helper: 2
E
expect_no_snapshots
expect_output run_audited ./host living sleep <<'E'
2 files, the first one is gone
without the helper: 2
E
expect_no_snapshots
expect_output run_audited ./host relay <<'E'
4 files
E
expect_no_snapshots
# Its output ends when the daemon does.
expect_output bash -c 'LD_AUDIT=$1 ./host daemon | cat' . "$AUDIT" <<'E'
2 files
E
expect_no_snapshots
expect_output run_audited ./host again 5 <<'E'
2 files
E
expect_no_snapshots

# Without a descriptor for the lock the child's snapshots stay, too.
cc_host full <<'C'
#include "host.h"
#include <sys/resource.h>
#include <sys/wait.h>
int main(void)
{
	struct rlimit limit, none;
	char first[400];
	int stop[2], status;
	pid_t child;
	void *h;
	char c;

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	strcpy(first, generation_of(h).snapshot);
	CHECK(pipe(stop) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	child = fork();
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (!child) {
		close(stop[1]);
		_exit(read(stop[0], &c, 1) != 0);
	}
	for (int i = 0; i < 10; i++) {
		replace(i % 2 ? "v1.so" : "v2.so", "guest.so");
		CHECK((h = dlreload(h)));
	}
	printf("%d files, the first one is %s\n", snapshot_files(),
	       access(first, F_OK) == 0 ? "there" : "gone");
	close(stop[1]);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	return 0;
}
C
expect_output run_audited ./full <<'E'
3 files, the first one is there
E
expect_no_snapshots

# Two processes of one number, each in a namespace of its own, that share the folder.
cc_host first <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	void *h = open_guest("./guest.so");
	char c;

	if (argc == 1)
		return 0;
	puts("ready");
	fflush(stdout);
	CHECK(read(0, &c, 1) == 0);
	return access(generation_of(h).snapshot, F_OK) != 0;
}
C
if [ "$(id -u)" != 0 ] || ! unshare -pf --mount-proc true 2>/dev/null; then
	echo "not root, or no namespaces: they are not tried"
	exit 0
fi
for how in "unshare -pf --mount-proc" env; do
	mkfifo in out
	env LD_AUDIT="$AUDIT" $how ./first wait <in >out &
	pid=$!
	exec 8>in
	read -r line <out
	[ "$line" = ready ] || fail "not ready: $line"
	for _ in 1 2 3; do
		env LD_AUDIT="$AUDIT" $how ./first
	done
	exec 8>&-
	wait $pid || fail "$how: the snapshot of a living process was removed"
	rm in out
done
expect_no_snapshots
