#!/bin/bash
# The snapshots of a process that was killed are removed by the next one, also
# while nobody has waited for it; those of a living process are not.
. "$(dirname "$0")/../lib.sh"

cc_so guest.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
int main(void)
{
	open_guest("./guest.so");
	if (write(1, "ready\n", 6) != 6)
		return 1;
	return getchar() == EOF ? 0 : 1;	/* until standard input ends */
}
C
folders() { find "$GOAUDIT_SNAPSHOTS" -mindepth 1 -maxdepth 1 | wc -l; }

start() { # sets pid; the process ends when descriptor 9 is closed
	mkfifo in.$1 out.$1
	env LD_AUDIT="$AUDIT" ./host <in.$1 >out.$1 &
	pid=$!
	eval "exec $1>in.$1"
	read -r line <out.$1
	[ "$line" = ready ] || fail "not ready: $line"
}

start 7
first=$pid
start 8
second=$pid
[ "$(folders)" = 2 ] || fail "$(folders) folders for two processes"
kill -KILL $first
wait $first 2>/dev/null && fail "not killed"
[ "$(folders)" = 2 ] || fail "the folder of the killed one is gone already"
run_audited ./host </dev/null >/dev/null
[ "$(folders)" = 1 ] || fail "$(folders) folders: $(ls "$GOAUDIT_SNAPSHOTS")"
ls -d "$GOAUDIT_SNAPSHOTS"/goaudit-$second.* >/dev/null || fail "a living one's is gone"
exec 8>&-
wait $second || fail "the second one: status $?"
expect_no_snapshots

# Dead, but its parent has not asked for its exit status (a zombie).
cc_host zombie <<'C'
#include "host.h"
#include <signal.h>
#include <sys/wait.h>
int main(int argc, char **argv)
{
	siginfo_t info;
	pid_t child = fork();

	if (!child) {
		open_guest("./guest.so");
		raise(SIGKILL);
	}
	CHECK(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
	CHECK(snapshot_files() == 1);
	close_guest(open_guest("./guest.so"));
	CHECK(snapshot_files() == 1);
	return 0;
}
C
expect_output run_audited ./zombie </dev/null
expect_no_snapshots
