#!/bin/bash
# Core files of a C guest in each state, looked at when the process is killed: open,
# parked, reinserted, superseded (two generations with the same names alive, a
# thread of the host in the old one), and after the old one is gone.  `info
# sharedlibrary' shows what was open, the guest's variable is the current
# generation's, and the old generation's frames get their names from
# `goaudit symbols'.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

for v in 1 2; do
	cc_so v$v.so -O0 <<C
int number = $v;
void wait_in_$v(void (*callback)(void)) { callback(); }
int guest_function(void) { return number; }
void stay(void (*callback)(void)) { wait_in_$v(callback); }
C
done
cp v1.so guest.so
cc_host host -O0 -pthread <<'C'
#define TEST_RAW
#include "host.h"
#include <pthread.h>
#include <semaphore.h>
static sem_t in, out;
void stays(void) { sem_post(&in); sem_wait(&out); }
static void *thread(void *stay) { ((void (*)(void (*)(void)))stay)(stays); return NULL; }
void state(const char *name) { printf("host: %s\n", name); fflush(stdout); }
int main(void)
{
	void *h = open_guest("./guest.so"), *old;
	pthread_t t;
	sem_init(&in, 0, 0);
	sem_init(&out, 0, 0);
	state("open");
	close_guest(h);
	state("parked");
	h = open_guest("./guest.so");
	state("reinserted");
	old = open_guest("./guest.so");
	pthread_create(&t, NULL, thread, find(old, "stay"));
	sem_wait(&in);
	replace("v2.so", "guest.so");
	CHECK((h = dlreload(h)) != old);
	state("superseded");
	sem_post(&out);
	pthread_join(t, NULL);
	close_guest(old);
	state("gone");
	return 0;
}
C
cores_of open parked reinserted superseded gone

cat >look.py <<'G'
gdb.execute("source " + script, to_string=True)
def number():
    try:
        return gdb.parse_and_eval("number")
    except gdb.error as e:
        return str(e).rstrip(".")
states = [l.split()[1:3] for l in gdb.execute("info goaudit", to_string=True).splitlines()[1:]]
say("%d listed; number: %s; generations: %s" % (
    listed(), number(), ", ".join(" ".join(s) for s in states)))
def stacks():
    for t in gdb.selected_inferior().threads():
        t.switch()
        names = calls()
        if "stays" in names:
            return " ".join(names[names.index("stays"):][:4])
if stacks():
    say("without symbols:", " ".join(stacks().split()[:2]))
    gdb.execute("goaudit symbols on", to_string=True)
    say("with symbols:", stacks())
G
look() {
	for state in open parked reinserted superseded gone; do
		echo "$state:"
		gdb -nx -q -batch -iex 'set debuginfod enabled off' -iex 'set auto-load no' \
			-iex 'set language c' -x "$ROOT/test/gdb.py" \
			-ex "python script = '$ROOT/gdb-scripts/goaudit-gdb.py'" -x look.py \
			./host core.$state 2>&1 | grep -a '^gdb: \|rror\|Traceback\|Corrupted' || true
	done
}
expect_output look <<'E'
open:
gdb: 1 listed; number: 1; generations: 1 open
parked:
gdb: 0 listed; number: No symbol "number" in current context; generations: 1 parked
reinserted:
gdb: 1 listed; number: 1; generations: 1 open
superseded:
gdb: 1 listed; number: 2; generations: 1 superseded, 2 open
gdb: without symbols: stays ??
gdb: with symbols: stays wait_in_1 stay thread
gone:
gdb: 1 listed; number: 2; generations: 2 open
E
