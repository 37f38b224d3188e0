#!/bin/bash
# lldb, on core files of a guest that is open, parked, and superseded by a second
# generation: what was in the link map is listed, and the variable and the frames
# are the right ones.  And on a live process, as far as a reload.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/gdb.sh"

command -v lldb >/dev/null || skip "no lldb"

for v in 1 2; do
	cc_so v$v.so -O0 <<C
int number = $v;
int guest_function(void (*callback)(const char *), const char *what)
{
	callback(what);
	return number;
}
C
done
cp v1.so guest.so
cc_host host -O0 <<'C'
#include "host.h"
void state(const char *name) { printf("host: %s\n", name); fflush(stdout); }
static void ask(void *h, const char *what)
{
	((int (*)(void (*)(const char *), const char *))find(h, "guest_function"))(state, what);
}
int main(void)
{
	void *h = open_guest("./guest.so"), *old = h;
	ask(h, "open");
	close_guest(h);
	state("parked");
	h = open_guest("./guest.so");
	CHECK(open_guest("./guest.so") == old);
	replace("v2.so", "guest.so");
	h = dlreload(h);
	ask(h, "superseded");
	return 0;
}
C
cores_of open parked superseded
look() {
	local state
	for state in open parked superseded; do
		lldb --batch -Q -o "target create --core core.$state ./host" -o "image list" \
			-o "thread backtrace" -o "target variable number" >lldb.$state 2>&1 || true
		echo "$state: $(grep -c '/guest\.so\b[^.]*$' lldb.$state || true) lines with guest.so"
		sed -n 's/.*frame #[0-9]*: 0x[0-9a-f]* \(host\|guest.so\)`\([a-z_]*\)(.*/\2 in \1/p
			s/.*frame #[0-9]*: 0x[0-9a-f]* \(host\)`\(main\) at.*/\2 in \1/p
			s/^(int) number/number/p; s/^error: can.t find global/no/p' lldb.$state
	done
}
expect_output look <<'E'
open: 1 lines with guest.so
state in host
guest_function in guest.so
ask in host
main in host
number = 1
parked: 0 lines with guest.so
state in host
main in host
no variable 'number'
superseded: 1 lines with guest.so
state in host
guest_function in guest.so
ask in host
main in host
number = 2
E

# Live: a breakpoint set before anything is loaded moves along.  With files for the
# host's streams lldb needs no pseudo-terminal.
live() {
	lldb --batch -Q -o "settings set target.input-path /dev/null" \
		-o "settings set target.output-path $PWD/host.txt" \
		-o "settings set target.error-path $PWD/host.txt" -o "breakpoint set -s guest.so -n guest_function" \
		-o "process launch -E LD_AUDIT=$AUDIT" -o "target variable number" \
		-o continue -o "target variable number" -o "image list" -o continue ./host \
		>lldb.live 2>&1 || true
	grep -o 'guest.so`guest_function(.* at t-lldb.sh:[0-9]*\|^(int) number.*\|exited with status.*' \
		lldb.live | uniq
	cat host.txt
	grep -c '/guest\.so\b[^.]*$' lldb.live
}
state=$(line_of 'void state(const char *name) { printf("host: %s\n", name); fflush(stdout); }'):30
callback=$(line_of 'callback(what);')
expect_output live <<E
guest.so\`guest_function(callback=(host\`state at t-lldb.sh:$state), what="open") at t-lldb.sh:$callback
(int) number = 1
guest.so\`guest_function(callback=(host\`state at t-lldb.sh:$state), what="superseded") at t-lldb.sh:$callback
(int) number = 2
exited with status = 0 (0x00000000)
host: open
host: parked
host: superseded
1
E
