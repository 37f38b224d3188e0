#!/bin/bash
# Programs for DragonFly do here what they do there: goroutines, collections, faults, files,
# other programs, signals, sockets, kqueue, errors.  Once with their calls as jumps, once
# with each call as a signal.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

dfly_build hello goroutines gc files exec signals sockets kqueue numbers
loopback=$(ip -o link show type loopback 2>/dev/null | head -n 1 | cut -d: -f2 | tr -d ' ') || true
for how in "" -s; do
	GREETING=greeting expect_output dfly $how ./hello a "b c" <<'O'
hello from dragonfly amd64 as ./hello with a,b c greeting
O
	status=0; dfly $how ./hello fail >/dev/null || status=$?
	[ $status = 3 ] || fail "exit status $status"
	expect_output dfly $how ./goroutines <<'O'
contended 10000 passed 2000
ticks true
preempted
O
	expect_output dfly $how ./gc <<'O'
trees [81910 81910 81910 81910] collected true floats true deep 20000
runtime error: invalid memory address or nil pointer dereference
runtime error: integer divide by zero
0x123456789000
O
	expect_output dfly $how ./files <<'O'
lines 3 14 -rw-r--r-- true two
link a 5 -rw------- 1000000000000007000 2
entries 304 307
true stat /nonexistent: no such file or directory
true true
true files true
followed true
flock resource temporarily unavailable
exlock resource temporarily unavailable
fcntl <nil>
statfs <nil> true
O
	expect_output dfly $how ./exec <<'O'
"native\n" <nil>
<nil> 300000
"child one named exec\n" exit status 4
"child two named name\n" exit status 4
15 signal: terminated
31 signal: user defined signal 2
"script true\n" <nil>
<nil> signal: killed
exec: "no-such-program": executable file not found in $PATH
true true
"got terminated\n" <nil>
O
	expect_output dfly $how ./signals <<'O'
received 11
ignored true
read all <nil>
exit status 7 <nil>
usage true true
nofile <nil> true
<nil> <nil> 100
O
	expect_output dfly $how ./sockets <<O
http 160
udp ping true <nil>
unix m 4096 1 through the socket true
then EOF
sendfile true <nil>
true
true
true
loopback ${loopback:-lo} true true true true
O
	expect_output dfly $how ./kqueue <<'O'
nothing 0
level 1 true true 4 1
edge 1 0
again 1 0
disabled 0
enabled 1
deleted 0 no such file or directory
oneshot 1 0
eof true
closed 0
errors bad file descriptor operation not supported
both true
one 0 <nil>
no queue bad file descriptor
O
	expect_output dfly $how ./numbers <<'O'
14 14 14 14 14 14 
78 78 78 78 78 
function not implemented | resource temporarily unavailable | operation not supported
goaudit: numbers: system calls that goaudit dfly does not know, answered with ENOSYS: utrace 335 (1 times), jail 338 (2 times), number 599 (2 times)
O
done
