# What the tests of this folder share; after lib.sh.
# shellcheck shell=bash
. "$ROOT/test/go.sh"

case $(go env GOVERSION) in
go1.2[2-5]*) skip "the proof wants Go 1.26 or later" ;;
esac

# Go pointers go through C here on purpose.
export GODEBUG=$GODEBUG,cgocheck=0

mkdir -p src

build_table() {
	cp -r "$ROOT"/test/guests/{guest,keeper} src
	build_guests guest keeper
	cc_host host -I"$ROOT/audit" -pthread <"$HOSTS/holders.c"
}

build_random() {
	local i
	cp -r "$ROOT/test/guests/random/guest" src/randomguest
	cp -r "$ROOT/test/guests/random/keeper" src/randomkeeper
	build_guests randomguest randomkeeper
	for i in 0 1 2 3; do cp randomguest.so random$i.so; done
	build_host random -I"$ROOT/audit"
}

build_cycles() {
	cp -r "$ROOT/test/guests/churn" src/churn
	build_guests churn
	cp churn.so other.so
	build_host cycles -pthread
}

# run_cycles FIRST N: with four threads that call another guest meanwhile.
run_cycles() {
	local every=$(($2 / 40))
	[ $every -ge 5 ] || every=5
	GODEBUG=$GODEBUG,memprofilerate=0 run_audited ./cycles "$1" "$2" 4 $every >cycles.txt ||
		{ cat cycles.txt; fail "cycles"; }
	# The runtime starts a few more threads when it likes (2 mappings and some 200 KB
	# each); timers and goroutines are reused as chance will have it.
	awk -v rss_kb=3000 -v mappings=16 -v objects=100 -f "$ROOT/test/soak/flat.awk" cycles.txt || { column -t cycles.txt; fail "something grows"; }
}

# The last line of its input is the one that is wanted.
expect_lines() {
	local last
	last=$(tail -n 1)
	[ "$last" = "$1" ] || fail "$last, not $1"
}
