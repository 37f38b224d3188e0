#!/bin/bash
# What the end of a process says of guests: a panic that nobody recovers from, a fault in Go
# and one in C code of a guest print, behind Go's own report, the generation of each frame
# that is a guest's, and where all generations lie, with snapshot and build id; the log has
# the same places, and `goaudit status --json' the build id and the build information.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file guest/go.mod <<'E'
module example.com/guest

go 1.22
E
go_file guest/main.go <<'GO'
package main

/*
static void fault(void) { *(volatile int *)8 = 1; }
*/
import "C"

const build = 1

type node struct{ next *node }

//go:noinline
func deep(n *node, kind int) *node {
	switch kind {
	case 1:
		panic("at the end") // panic
	case 2:
		return n.next.next // fault
	case 3:
		C.fault()
	}
	return nil
}

//export Work
func Work(kind int) { deep(&node{}, kind) }

//export Leave
func Leave() { go func() { select {} }() }

func main() {}
GO
build_guest v1.so guest
sed -i 's/^const build = .*/const build = 2/' src/guest/main.go
build_guest v2.so guest
cc_so other.so <<<'int other(void) { return 1; }'
cc_host host <<'C'
#include "gohost.h"
int main(int argc, char **argv)
{
	void *h = open_guest("./guest.so");
	(void)argc;
	((void (*)(void))find(h, "Leave"))();	/* holds generation 1 */
	replace("v2.so", "guest.so");
	CHECK(dlreload(h) == h);
	puts("ready");
	fflush(stdout);
	getchar();
	((void (*)(long))find(h, "Work"))(atoi(argv[1]));
	return 0;
}
C
export GOAUDIT_LOG=./log.txt
ends() { # KIND: its report is report.KIND
	cp v1.so guest.so
	rm -f log.txt
	run_audited ./host "$1" </dev/null >/dev/null 2>report.$1 && fail "$1: status 0"
	return 0
}
id_of() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }
for kind in 1 2 3; do
	ends $kind
	for v in 1 2; do
		grep -qE "^goaudit: guest.so generation $v: 0x[0-9a-f]+-0x[0-9a-f]+ /.*/guest.so, build id $(id_of v$v.so)$" \
			report.$kind || fail "$kind: no generation $v: $(cat report.$kind)"
	done
	# The log has the same place.
	place=$(sed -n 's/^goaudit: guest.so generation 2: \([^ ]*\) .*/\1/p' report.$kind)
	grep -q "guest.so: generation 2: $place, /.*, build id $(id_of v2.so)$" log.txt || fail "the log: $(cat log.txt)"
done
for kind in panic:1 fault:2; do
	line=$(sed -n "/\/\/ ${kind%:*}/=" src/guest/main.go)
	grep -q "^main.deep /.*/guest/main.go:$line: guest.so generation 2$" report.${kind#*:} ||
		fail "$kind: no frame: $(cat report.${kind#*:})"
	# Go's report is as it was.
	grep -q "^	/.*/guest/main.go:$line +0x[0-9a-f]*$" report.${kind#*:} || fail "$kind: $(cat report.${kind#*:})"
done

# The control: nothing of it where the user wants none.
cp v1.so guest.so
GOTRACEBACK=none run_audited ./host 1 </dev/null >/dev/null 2>none.txt && fail "status 0"
! grep -q generation none.txt || fail "$(cat none.txt)"

cp v1.so guest.so
mkfifo in out
env LD_AUDIT="$AUDIT" ./host 0 <in >out &
pid=$!
exec 7>in
read -r _ <out
"$GOAUDIT_BUILD/goaudit" status --json $pid >status.json || fail "status: $(cat status.json)"
exec 7>&-
wait $pid || fail "the host: status $?"
python3 - status.json "$(id_of v1.so)" "$(id_of v2.so)" <<'P' || fail "$(cat status.json)"
import json, sys
generations = json.load(open(sys.argv[1]))[0]["generations"]
assert [g["build_id"] for g in generations] == sys.argv[2:], generations
for g in generations:
    info = g["build_info"]
    assert "path\texample.com/guest" in info and "build\t-buildmode=c-shared" in info, info
P
