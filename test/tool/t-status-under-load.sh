#!/bin/bash
# goaudit status while a process opens, replaces and closes guests as fast as it
# can, from several threads: what is shown always belongs together, and the
# process goes on.  SECONDS_UNDER_LOAD says for how long (default 3).
. "$(dirname "$0")/../lib.sh"

for v in 1 2; do
	cc_so v$v.so <<<"int value(void) { return $v; }"
done
cc_host host -pthread <<'C'
#include "host.h"
#include <pthread.h>
#include <signal.h>

static volatile sig_atomic_t over;
static void stop(int sig) { over = 1; }

static void *work(void *arg)
{
	char name[40];
	long rounds = 0;

	snprintf(name, sizeof name, "guest%ld.so", (long)arg);
	while (!over) {
		replace(rounds % 2 ? "v1.so" : "v2.so", name);
		char path[50];
		snprintf(path, sizeof path, "./%s", name);
		for (int i = 0; i < 5; i++) {
			void *a = open_guest(path), *b = open_guest(path);
			close_guest(a);
			close_guest(b);
		}
		rounds++;
	}
	return (void *)rounds;
}

int main(void)
{
	pthread_t t[3];
	long rounds = 0;
	void *n;

	signal(SIGTERM, stop);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &n);
		rounds += (long)n;
	}
	printf("%s\n", rounds > 100 ? "worked" : "hardly worked");
	return 0;
}
C
LD_AUDIT=$AUDIT ./host >host.out 2>&1 &
host=$!
trap 'kill $host 2>/dev/null || :; cleanup' EXIT
python3 - "$GOAUDIT_BUILD/goaudit" $host "${SECONDS_UNDER_LOAD:-3}" <<'P'
import json, subprocess, sys, time
tool, pid, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
end, good, changes = time.monotonic() + seconds, 0, 0
while time.monotonic() < end:
    r = subprocess.run([tool, "status", "--json", pid], capture_output=True, text=True)
    if r.returncode and ("does not run" in r.stderr and not good):
        continue		# it is still starting
    assert r.returncode == 0, r.stderr
    p, = json.loads(r.stdout)
    assert p["changes"] >= changes, "it runs backwards"
    changes = p["changes"]
    numbers = set()
    for g in p["generations"]:
        key = (g["guest"], g["generation"])
        assert key not in numbers, ("twice", key)
        numbers.add(key)
        assert g["guest"] < p["guests"] <= 3
        assert g["state"] in ("loading", "initialising", "open", "parked", "superseded", "retired", "gone"), g
        assert g["path"].split("/")[-1].startswith("guest"), g
        if g["state"] in ("parked", "retired", "gone"):
            assert g["references"] == 0, g
        if g["state"] == "open":
            assert 1 <= g["references"] <= 2, g
        if g["state"] in ("open", "parked"):
            assert g["low"] < g["high"] and g["handle"], g
    current = {}
    for g in p["generations"]:
        if g["state"] in ("open", "parked"):
            current.setdefault(g["guest"], []).append(g["generation"])
    assert all(len(v) <= 2 for v in current.values()), current
    good += 1
assert good >= 5 and changes > 1000, (good, changes)
print(good, "pictures,", changes, "changes")
P
kill -TERM $host
wait $host || fail "host: $? $(cat host.out)"
[ "$(cat host.out)" = worked ] || fail "$(cat host.out)"
