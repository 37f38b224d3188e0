#!/bin/bash
# Programs full of races between signals and calls, many times over: each run ends by itself,
# with the right output.  GOAUDIT_DFLY_RUNS says how many of each (make dfly: 1,000).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/dfly.sh"

runs=${GOAUDIT_DFLY_RUNS:-20}
dfly_build goroutines gc exec
for p in goroutines gc exec; do
	dfly ./$p >$p.first 2>&1 || fail "$p: $(cat $p.first)"
done
for ((i = 0; i < runs; i++)); do
	how=; [ $((i % 4)) != 3 ] || how=-s
	for p in goroutines gc exec; do
		status=0; dfly $how ./$p >out.txt 2>&1 || status=$?
		[ $status = 0 ] || { cat out.txt; fail "$p $how, run $i: exit status $status"; }
		diff $p.first out.txt || fail "$p $how, run $i"
	done
done
echo "$runs runs of each"
