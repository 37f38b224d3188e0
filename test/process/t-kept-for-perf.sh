#!/bin/bash
# With GOAUDIT_KEEP the snapshots of all generations, and the library of entries,
# outlive the process and later ones, so that perf report names what has run in them.
# Without it nothing stays.
. "$(dirname "$0")/../lib.sh"

for n in 1 2; do
	cc_so v$n.so <<C
long work_in_$n(long n)
{
	volatile long s = 0;
	for (long i = 0; i < n; i++)
		s += i;
	return s;
}
long work(long n) { return work_in_$n(n); }
C
done
cc_host host <<'C'
#include "host.h"
int main(void)
{
	void *h;
	long (*work)(long);

	replace("v1.so", "guest.so");
	h = open_guest("./guest.so");
	work = (long (*)(long))find(h, "work");
	CHECK(work(100000000) > 0);
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	CHECK(work(100000000) > 0);
	close_guest(h);
	return 0;
}
C
kept() { find snapshots -type f -printf '%f\n' | sort; }

expect_output run_audited ./host </dev/null
expect_output kept </dev/null
GOAUDIT_KEEP= expect_output run_audited ./host </dev/null
expect_output kept </dev/null
export GOAUDIT_KEEP=1
expect_output run_audited ./host </dev/null
expected() { printf '%s\n' .private guest.so guest.so guests.entries.2 keep tiny.1; }
expect_output kept < <(expected)
unset GOAUDIT_KEEP
expect_output run_audited ./host </dev/null
expect_output kept < <(expected)

rm -r snapshots
if command -v perf >/dev/null && GOAUDIT_KEEP=1 run_audited perf record -q -o perf.data -F 499 ./host >perf.log 2>&1; then
	perf report -v -i perf.data --stdio --sort dso,symbol 2>>perf.log >report.txt
	for name in work_in_1 work_in_2; do
		grep -q "guest\.so.*$name\b" report.txt || fail "perf does not know $name: $(cat report.txt)"
	done
else
	echo "no perf, or no permission: perf is not tried"
fi
