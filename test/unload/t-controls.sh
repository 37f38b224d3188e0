#!/bin/bash
# The table's negative controls: with the part of the check left out that finds a
# holder, its guest is unmapped, and the host dies of it.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/unload/unload.sh"
build_table
export GODEBUG=clobberfree=1,cgocheck=0

n=0 bad=
while read -r name without; do
	n=$((n + 1)) limit=120
	[ "$name" != spinning ] || limit=20
	# What is to die of memory that has been freed lives on where that is something else's
	# by then (a type that reflect has made), once in four times.
	for _ in {1..8}; do
		status=0
		{ GOAUDIT_TEST_UNLINK=$without LD_AUDIT=$GOAUDIT_BUILD/test/switches/libgoaudit.so \
			timeout $limit ./host -c "$name" >control.txt 2>&1 </dev/null || status=$?; } 2>/dev/null
		[ $status = 0 ] || break
	done
	# Go ends with SIGABRT after a throw (GOTRACEBACK=crash is not needed in a
	# c-shared runtime), the rest is a signal's own.
	case $status in
	131 | 134 | 135 | 139) ;;
	# A goroutine that spins in code of no module is never preempted: the next stop of
	# the world has no end, and the reaper answers nobody any more.
	124) [ "$name" = spinning ] || bad="$bad
$name without $without: no end: $(head -n 1 control.txt)" ;;
	*) bad="$bad
$name without $without: status $status: $(head -n 1 control.txt)" ;;
	esac
	# and nothing of it in the module that users get
	[ "$name" != any ] ||
		GOAUDIT_TEST_UNLINK=$without run_audited ./host any >plain.txt 2>&1 ||
		fail "GOAUDIT_TEST_UNLINK works in the real module: $(cat plain.txt)"
done < <(./host -l)
[ -z "$bad" ] || fail "these survive:$bad"
[ "$n" -ge 40 ] || fail "$n controls"
