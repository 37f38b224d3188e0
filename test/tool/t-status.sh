#!/bin/bash
# goaudit status on a live process: states, counts, the holder of a retired
# generation; JSON; --watch; processes that are not ours, gone, or not allowed.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
go_file held/main.go <<'GO'
package main

import "C"

import "os"

const generation = "generation 1"

func park(f *os.File) { f.Read(make([]byte, 1)) }

//export Hold
func Hold(fd C.int) { go park(os.NewFile(uintptr(fd), generation)) }

func main() {}
GO
build_guests held
variant held.so held2.so "generation 1" "generation 2"
cc_so plain.so <<<'int value(void) { return 1; }'
cc_host host <<'C'
#include "host.h"
/* Reads commands; answers each with a line. */
int main(void)
{
	char line[100], file[50];
	void *h[2];
	int ends[2];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	CHECK(pipe(ends) == 0);
	printf("%d\n", getpid());
	while (fgets(line, sizeof line, stdin)) {
		int slot = line[1] - '0';

		if (line[0] == 'o' && sscanf(line + 3, "%49s", file) == 1)
			h[slot] = open_guest(file);
		else if (line[0] == 'c')
			close_guest(h[slot]);
		else if (line[0] == 'h')
			((void (*)(int))find(h[slot], "Hold"))(ends[0]);
		else if (line[0] == 'r')
			dlreload(h[slot]);
		else if (line[0] == 'w')
			goaudit_reclaim(NULL, -1);
		puts("done");
	}
	return 0;
}
C
mkfifo in out
# Of a module whose file is replaced meanwhile.
module=
public_module module
LD_AUDIT=$module ./host <in >out &
host=$!
trap 'kill -9 $host 2>/dev/null || :; cleanup' EXIT
exec 3>in 4<out
read -r pid <&4
say() { echo "$1" >&3; read -r answer <&4; [ "$answer" = "done" ] || fail "$1: $answer"; }
# Without what differs from run to run: id, sizes, times, folders.
seen() {
	"$tool" status "$pid" | sed -E "s/^$pid/PID/; s|$TEST_DIR|DIR|g; s/[0-9.]+ [KMG]B/SIZE/; s/[0-9]+ s /AGE /;
		s/[0-9.]+ (us|ms|s)/TIME/; s|go1.*libstd.so|RUNTIME|; s/ +/ /g; s/held by .*main.go:[0-9]+.*checked [0-9]+ times/held by GUEST (checked N times/"
}
expect_output seen <<'E'
PID ./host
 no guest has been opened
E
say 'o0 ./plain.so'
cp held.so guest.so
say 'o1 ./guest.so'
expect_output seen <<'E'
PID ./host
 runtime RUNTIME
 guest gen state opens size age loaded file
 0 1 open 1 SIZE AGE TIME DIR/plain.so (not Go)
 1 1 open 1 SIZE AGE TIME DIR/guest.so
E
head -c 100000 "$module" >new && cat "$module" >>new && mv new "$module"
if [ "$(id -u)" != 0 ]; then install -m 755 "$AUDIT" "$module"; fi	# only root sees the old one
say h1
say c0
say c1
cp held2.so guest.so.new && mv guest.so.new guest.so
say 'o1 ./guest.so'
say w
expect_output seen <<'E'
PID ./host
 runtime RUNTIME
 guest gen state opens size age loaded file
 0 1 parked 0 SIZE AGE TIME DIR/plain.so (not Go)
 1 1 retired 0 SIZE AGE TIME DIR/guest.so
 held by GUEST (checked N times)
 1 2 open 1 SIZE AGE TIME DIR/guest.so
E
"$tool" status --json "$pid" >json
python3 - json "$pid" "$TEST_DIR" <<'P'
import json, sys
p, = json.load(open(sys.argv[1]))
assert p["pid"] == int(sys.argv[2]) and p["command"] == "./host" and p["refusal"] == ""
assert p["runtime"]["version"].startswith("go1.") and p["runtime"]["path"].endswith("/libstd.so")
assert p["guests"] == 2 and len(p["generations"]) == 3
held = [g for g in p["generations"] if g["state"] == "retired"][0]
assert held["go"] and held["goroutine"] > 0 and "main.go:" in held["holder_text"], held
assert held["path"] == sys.argv[3] + "/guest.so" and held["low"] < held["high"]
P
# A reload that fails is told of the generation that goes on, until one has replaced it.
echo 'no ELF' >guest.so.new && mv guest.so.new guest.so
say r1
seen | grep -qxE ' the last reload failed (AGE |TIME )ago: DIR/guest.so: .*' || fail "$(seen)"
"$tool" status --json "$pid" | python3 -c '
import json, sys, time
p, = json.load(sys.stdin)
bad = [g for g in p["generations"] if g["failed_at_ns"]]
assert len(bad) == 1 and bad[0]["state"] == "open" and "guest.so: " in bad[0]["failure"], bad
assert bad[0]["failed_at_ns"] <= time.time_ns()
held = [g for g in p["generations"] if g["state"] == "retired"][0]
assert held["holders"] == held["holder_text"], held'
cp held.so guest.so.new && mv guest.so.new guest.so
say r1
! seen | grep -F 'last reload' || fail "the next one has it"
cp held2.so guest.so.new && mv guest.so.new guest.so
say r1
# As metrics, each family of all processes together.
"$tool" status --metrics "$pid" "$pid" | sed -E "s/\<$pid\>/PID/g; s|$PWD|DIR|; s/(bytes|total|seconds)(\{.*\}) [0-9.e+]+$/\1\2 N/" >metrics
cat >want <<'E'
# TYPE goaudit_generations gauge
# HELP goaudit_generations Generations of guests by state.
goaudit_generations{pid="PID",command="./host",state="open"} 1
goaudit_generations{pid="PID",command="./host",state="parked"} 1
goaudit_generations{pid="PID",command="./host",state="superseded"} 0
E
grep -v '"loading"\|"initialising"\|seconds{' metrics | head -n 5 | diff - want || fail "metrics"
grep -qxF 'goaudit_guest_loaded_timestamp_seconds{pid="PID",command="./host",guest="1",path="DIR/guest.so"} N' metrics ||
	fail "metrics: $(cat metrics)"
grep -qxF 'goaudit_held_bytes{pid="PID",command="./host"} N' metrics && [ "$(tail -n 1 metrics)" = '# EOF' ] ||
	fail "metrics: $(cat metrics)"
[ "$(grep -c '^# TYPE' metrics)" = "$(grep '^# TYPE' metrics | sort -u | wc -l)" ] || fail "a family twice"
# Among all; a process that is not ours is not there.
"$tool" status --all --json >json 2>/dev/null	# others may be ending
python3 - json "$pid" $$ <<'P'
import json, sys
pids = [p["pid"] for p in json.load(open(sys.argv[1]))]
assert int(sys.argv[2]) in pids and int(sys.argv[3]) not in pids, pids
P
refused() { # TEXT ARGUMENT...
	local text=$1 status=0
	shift
	"$tool" status "$@" >text 2>&1 || status=$?
	[ $status = 1 ] && grep -qxF "$text" text || fail "status $*: exit status $status, $(cat text)"
}
refused "goaudit: process $$: it does not run under goaudit: start it with goaudit run" $$
refused "goaudit: process 4194999: no such process" 4194999
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	cp "$tool" tool && chmod 755 tool . && tool=./tool
	other() { setpriv --reuid 65534 --clear-groups ./tool status "$pid" 2>&1 || echo "status $?"; }
	[ "$(other)" = "goaudit: process $pid: not allowed to look into it: be its user, or root
status 1" ] || fail "another user: $(other)"
	tool=$GOAUDIT_BUILD/goaudit
fi
# --watch ends with the process.
mkfifo watched
"$tool" status --watch "$pid" >watched 2>&1 3>&- &
watcher=$!
exec 5<watched
while read -r line <&5; do [[ $line != *'held by'* ]] || break; done
[[ $line == *'held by'* ]] || fail "--watch: does not show the holder"
exec 3>&-
wait $host || fail "host: $?"
status=0; wait $watcher || status=$?
[ $status = 0 ] || fail "--watch: exit status $status: $(cat <&5)"
