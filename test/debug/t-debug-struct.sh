#!/bin/bash
# Another process reads goaudit_debug with process_vm_readv, without stopping the
# host: states, references, names and counts are those of the host's own
# goaudit_generations(); a reader that looks while thousands of changes are
# made never sees half of one.
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cc_so v$v.so <<<"int value(void) { return $v; }"
done
# The reader: finds the library in the map list, the symbol in its file.
cc_host reader <<'C'
#define TEST_RAW
#include "host.h"
#include "goaudit-debug.h"
#include <sys/uio.h>

static pid_t pid;

static void peek(uint64_t address, void *to, size_t size)
{
	struct iovec local = { to, size };
	struct iovec remote = { (void *)(uintptr_t)address, size };

	CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size);
}

static uint64_t base_of(const char *library)
{
	char name[64], line[PATH_MAX + 200];
	uint64_t base = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/maps", pid);
	f = fopen(name, "re");
	CHECK(f);
	while (!base && fgets(line, sizeof line, f))
		if (strstr(line, library))
			base = strtoull(line, NULL, 16);
	fclose(f);
	CHECK(base);
	return base;
}

int main(int argc, char **argv)
{
	static struct goaudit_generation all[1000];
	struct goaudit_debug head, again;
	uint64_t address, rounds = atol(argv[3]), first = 0;

	pid = atoi(argv[1]);
	address = base_of("/libgoaudit.so") + strtoull(argv[2], NULL, 16);
	/* Of many rounds, until many changes have been seen as well. */
	for (uint64_t i = 0; i < rounds ||
			     (rounds > 1 && head.sequence - first <= 1000); i++) {
		do {
			peek(address, &head, sizeof head);
			CHECK(memcmp(head.magic, GOAUDIT_DEBUG_MAGIC, 8) == 0);
			CHECK(head.version == GOAUDIT_DEBUG_VERSION);
			CHECK(head.size == sizeof head);
			CHECK(head.record_size == sizeof *all);
			CHECK(head.records <= 1000);
			peek(head.generations, all, head.records * sizeof *all);
			peek(address, &again, sizeof again);
		} while (head.sequence % 2 || head.sequence != again.sequence);
		int current = 0;

		first = i ? first : head.sequence;
		for (unsigned k = 0; k < head.records; k++) {
			CHECK(all[k].state <= GOAUDIT_GONE && all[k].state);
			CHECK(all[k].guest == 0);
			CHECK(strcmp(strrchr(all[k].path, '/'), "/guest.so") == 0);
			current += all[k].state == GOAUDIT_OPEN ||
				   all[k].state == GOAUDIT_PARKED;
			if (all[k].state == GOAUDIT_PARKED)
				CHECK(all[k].references == 0);
			if (all[k].state != GOAUDIT_LOADING)
				CHECK(all[k].handle && all[k].lo < all[k].hi &&
				      all[k].number && all[k].opened_at);
		}
		CHECK(current <= 2);
	}
	if (rounds > 1) {
		puts("consistent");
		return 0;
	}
	for (unsigned k = 0; k < head.records; k++)
		printf("guest %u generation %u state %u references %u %s\n",
		       all[k].guest, all[k].number, all[k].state,
		       all[k].references,
		       all[k].load_ns && all[k].snapshot_ns ? "timed" : "");
	printf("guests %u, Go %u, refusal \"%s\"\n", head.guests, head.go_running,
	       head.refusal);
	return 0;
}
C
cc_host host <<'C'
#define TEST_RAW
#include "host.h"
#include <signal.h>
#include <sys/wait.h>

static char *symbol;

static void reader(const char *rounds, int wait)
{
	char pid[32];
	int status;

	snprintf(pid, sizeof pid, "%d", getpid());
	fflush(stdout);
	pid_t child = vfork();
	if (!child) {
		unsetenv("LD_AUDIT");
		execl("./reader", "reader", pid, symbol, rounds, (char *)NULL);
		_exit(127);
	}
	if (!wait)
		return;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void own(const char *what)
{
	struct goaudit_generation all[10];
	size_t n = goaudit_generations(all, 10, sizeof *all);

	printf("-- %s: %zu\n", what, n);
	CHECK(goaudit_generations(NULL, 0, sizeof *all) == n);
	/* A caller with an older header gets the fields that it knows. */
	uint32_t narrow[30] = { 0 };
	CHECK(goaudit_generations((struct goaudit_generation *)narrow, 10, 12) == n);
	for (size_t i = 0; i < n; i++) {
		CHECK(narrow[3 * i] == all[i].guest);
		CHECK(narrow[3 * i + 1] == all[i].number);
		CHECK(narrow[3 * i + 2] == all[i].state);
		CHECK(all[i].references <= 2);
	}
	CHECK(narrow[3 * n] == 0);
}

int main(int argc, char **argv)
{
	void *h, *old;
	pid_t ended = 0;
	int status, version = 0;

	symbol = argv[1];
	setvbuf(stdout, NULL, _IONBF, 0);
	own("nothing");
	reader("1", 1);
	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	old = open_guest("./guest.so");
	own("open");
	reader("1", 1);
	replace("v2.so", "guest.so");
	h = dlreload(h);
	own("superseded");
	reader("1", 1);
	close_guest(old);
	close_guest(h);
	own("gone and parked");
	reader("1", 1);
	CHECK(goaudit_reclaim(NULL, 0) == 0);
	CHECK(goaudit_reclaim(h, 0) == 0);
	CHECK(goaudit_reclaim(old, 0) == 0);
	CHECK(goaudit_reclaim(&status, 0) == -1 && dlerror());
	puts("-- while it changes");
	reader("3000", 0);
	while (ended == 0) {
		replace(++version % 2 ? "v1.so" : "v2.so", "guest.so");
		for (int i = 0; i < 10; i++) {
			h = open_guest("./guest.so");
			old = open_guest("./guest.so");
			close_guest(h);
			close_guest(old);
		}
		ended = waitpid(-1, &status, WNOHANG);
	}
	CHECK(status == 0);
	return 0;
}
C
readelf -W --dyn-syms "$AUDIT" >symbols
symbol=$(awk '$8 ~ /^goaudit_debug(@|$)/ { print $2 }' symbols)
[ "$symbol" ] || fail "goaudit_debug is not exported"
grep -qw goaudit_debug_event symbols || fail "goaudit_debug_event is not exported"
expect_output run_audited ./host "$symbol" <<'E'
-- nothing: 0
guests 0, Go 0, refusal ""
-- open: 1
guest 0 generation 1 state 3 references 2 timed
guests 1, Go 0, refusal ""
-- superseded: 2
guest 0 generation 1 state 5 references 1 timed
guest 0 generation 2 state 3 references 1 timed
guests 1, Go 0, refusal ""
-- gone and parked: 2
guest 0 generation 1 state 7 references 0 timed
guest 0 generation 2 state 4 references 0 timed
guests 1, Go 0, refusal ""
-- while it changes
consistent
E
expect_no_snapshots
