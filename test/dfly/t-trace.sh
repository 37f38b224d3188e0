#!/bin/bash
# goaudit dfly -t: calls by name with their arguments, results and errors; of children, too;
# and nothing of it without -t.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

dfly_build hello files exec
dfly -t ./hello one >out.txt 2>trace.txt
[ "$(cat out.txt)" = "hello from dragonfly amd64 as ./hello with one " ] || fail "$(cat out.txt)"
has() { grep -qE "^\[[0-9]+\] $1\$" trace.txt || { cat trace.txt; fail "no line: $1"; }; }
has 'write\(1,"hello from dragonfly amd64 as \./"\.\.\.,48\) = 48 \(0x30\)'
has 'set_tls_area\(0,0x[0-9a-f]+,16\) = 0 \(0x0\)'
has 'lwp_create\(0x[0-9a-f]+\) = 0 \(0x0\)'
has 'sigaction\(SIGTERM,0x[0-9a-f]+,0x0\) = 0 \(0x0\)'
has 'exit\(0\)'
! grep -v '^\[[0-9]*\] ' trace.txt || fail "other lines"
dfly -t ./files >out.txt 2>trace.txt
has 'openat\(AT_FDCWD,"/tmp.*/a",O_RDWR\|O_APPEND\|O_CLOEXEC,0\) = [0-9]+ \(0x[0-9a-f]+\)|open\(".*/a",O_RDWR\|O_APPEND\|O_CLOEXEC,0\) = [0-9]+ \(0x[0-9a-f]+\)'
has 'fstatat\(AT_FDCWD,"/nonexistent",.*\) ERR#2 ENOENT|stat\("/nonexistent",0x[0-9a-f]+\) ERR#2 ENOENT'
has 'symlink(at)?\("a",.*\) = 0 \(0x0\)'
has 'flock\([0-9]+,0x6\) ERR#35 EAGAIN'
# A child's lines are where its standard error goes, here into a text in quotes; it has the
# option, too.
dfly -t ./exec >out.txt 2>trace.txt
grep -qE 'execve\(\\"/bin/echo\\",0x[0-9a-f]+,0x[0-9a-f]+\)\\nnative\\n" <nil>$' out.txt || fail "no execve: $(head -c 500 out.txt)"
grep -qE 'set_tls_area\(.*child one named exec\\n.*exit\(4\)' out.txt || fail "a child is not traced"
dfly ./hello >/dev/null 2>trace.txt
[ ! -s trace.txt ] || fail "without -t: $(cat trace.txt)"
