#!/bin/bash
# Other tools, on a process with two generations of a C guest at work, the old one
# superseded, and a Go guest: eu-stack, eu-addr2line -p and perf name the
# functions of each generation, and valgrind those of a reloaded one.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

for v in 1 2; do
	cc_so v$v.so -O0 <<C
int work_in_$v(volatile int *on) { int n = 0; while (*on) n++; return n; }
int guest_function(volatile int *on) { return work_in_$v(on); }
C
done
cp v1.so guest.so
go_file go/guest.go <<'GO'
package main

import "C"

var total int

//export Work
func Work(callback int) int { return inGo(callback) }

//go:noinline
func inGo(n int) int {
	for i := 0; i < n; i++ {
		total += i
	}
	return total
}

func main() {}
GO
build_guest go.so go -ldflags=-w
cc_host host -O0 -pthread <<'C'
#define TEST_RAW
#include "gohost.h"
#include <pthread.h>
static volatile int on = 1;
static void *c_thread(void *f) { ((int (*)(volatile int *))f)(&on); return NULL; }
static void *go_thread(void *f) { while (on) ((long (*)(long))f)(1000000); return NULL; }
int main(void)
{
	pthread_t t[3];
	void *old = open_guest("./guest.so"), *h, *go = open_guest("./go.so");
	CHECK(open_guest("./guest.so") == old);
	pthread_create(&t[0], NULL, c_thread, find(old, "guest_function"));
	replace("v2.so", "guest.so");
	CHECK((h = dlreload(old)) != old);
	pthread_create(&t[1], NULL, c_thread, find(h, "guest_function"));
	pthread_create(&t[2], NULL, go_thread, find(go, "Work"));
	printf("%p %p\n", find(old, "work_in_1"), find(h, "work_in_2"));
	fflush(stdout);
	getchar();
	on = 0;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return 0;
}
C
mkfifo in out
env LD_AUDIT="$AUDIT" ./host <in >out &
pid=$!
exec 7>in
read -r one two <out

found() { # TOOL FILE NAME...
	local tool=$1 file=$2 name
	shift 2
	for name; do
		grep -q "$name" "$file" || fail "$tool does not name $name:
$(head -50 "$file")"
	done
}
if command -v eu-stack >/dev/null; then
	# The Go thread is in the guest most of the time, not always.
	for _ in 1 2 3 4 5; do
		eu-stack -p $pid >>stack.txt 2>&1 || true
		! grep -q main.inGo stack.txt || break
	done
	found eu-stack stack.txt work_in_1 work_in_2 main.inGo
	eu-addr2line -f -p $pid $one $two >addr.txt 2>&1
	found eu-addr2line addr.txt work_in_1 work_in_2
else
	echo "no elfutils: eu-stack and eu-addr2line are not tried"
	missing=1
fi
if command -v perf >/dev/null && perf record -q -o perf.data -F 499 -p $pid -- sleep 1 \
	>perf.log 2>&1; then
	# Without -v perf takes files of the same name for one.
	perf report -v -i perf.data --stdio --sort dso,symbol >report.txt 2>>perf.log
	found perf report.txt work_in_1 work_in_2 main.inGo
else
	echo "no perf, or no permission: perf is not tried"
	missing=1
fi
exec 7>&-
wait $pid || fail "the host: status $?"

# A conditional jump that depends on what nobody has set.
for v in 1 2; do
	cc_so v$v.so -O0 <<C
int unset_in_$v(void) { int a[4]; __asm__ volatile("" : "=m"(a)); return a[2] ? 1 : 2; }
C
done
cc_host vhost -O0 <<'C'
#define TEST_RAW
#include "host.h"
int main(void)
{
	void *h = open_guest("./vg.so");
	((int (*)(void))find(h, "unset_in_1"))();
	close_guest(h);
	replace("v2.so", "vg.so");
	h = open_guest("./vg.so");
	((int (*)(void))find(h, "unset_in_2"))();
	return 0;
}
C
cp v1.so vg.so
if command -v valgrind >/dev/null; then
	# At exit valgrind calls into the libc of another namespace, and dies.
	env LD_AUDIT="$AUDIT" valgrind --run-libc-freeres=no ./vhost >valgrind.txt 2>&1 ||
		fail "valgrind: status $?: $(tail -20 valgrind.txt)"
	found valgrind valgrind.txt unset_in_1 unset_in_2
else
	echo "no valgrind"
	missing=1
fi
[ -z "${missing:-}" ] || skip "some tools are not there: see above"
