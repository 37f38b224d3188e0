#!/bin/bash
# The crash of Go on DragonFly BSD where the kernel refuses set_tls_area, again: the
# runtime's own words for it, a core's signal, and what gdb shows with the program's
# symbols.  Without the flag the program goes on.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

dfly_build hello
for how in "" -s; do
	status=0; dfly $how --fail-settls=45 ./hello >out.txt 2>&1 || status=$?
	[ $status = 139 ] || fail "exit status $status: $(cat out.txt)"
	grep -qE '^goaudit: hello: SIGSEGV in runtime\.settls(\.abi0)?\+0x35 at 0x[0-9a-f]+, address 0xf1, rax 0x2d: before the program has a handler$' out.txt ||
		fail "$(cat out.txt)"
	! grep -q hello\ from out.txt || fail "it went on"
	dfly $how ./hello >out.txt || fail "without the flag: $(cat out.txt)"
done
# Another error is in rax as well.
dfly -f 22 ./hello >out.txt 2>&1 || true
grep -q 'address 0xf1, rax 0x16:' out.txt || fail "$(cat out.txt)"
for bad in 0 100 x; do
	status=0; "$DFLY" dfly --fail-settls=$bad ./hello >out.txt 2>&1 || status=$?
	[ $status = 2 ] || fail "--fail-settls=$bad: exit status $status"
done

command -v gdb >/dev/null || skip "gdb is not there"
"$DFLY" dfly -t ./hello 2>trace.txt >/dev/null
gdb -nx -q -batch -iex 'set debuginfod enabled off' -ex 'handle SIGSYS nostop noprint pass' \
	-ex 'set startup-with-shell off' -ex run -ex 'add-symbol-file hello' -ex bt -ex 'p/x $rax' -ex 'p $_siginfo.si_signo' \
	-ex 'x/i $pc' --args "$GOAUDIT_BUILD/goaudit-dfly" -f 45 -- ./hello >gdb.txt 2>&1 </dev/null || true
grep -q 'SIGSEGV' gdb.txt || { grep -q 'ptrace: Operation not permitted' gdb.txt && skip "gdb may not trace here"; fail "$(cat gdb.txt)"; }
grep -qE '^#0 .*runtime\.settls' gdb.txt || fail "$(cat gdb.txt)"
grep -qE '^#1 .*runtime\.rt0_go' gdb.txt || fail "$(cat gdb.txt)"
grep -qx '\$1 = 0x2d' gdb.txt || fail "$(cat gdb.txt)"
grep -qE '0xf1$' gdb.txt || fail "$(cat gdb.txt)"
