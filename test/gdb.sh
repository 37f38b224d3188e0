# What the tests with gdb share; after lib.sh.
# shellcheck shell=bash

command -v gdb >/dev/null || skip "no gdb"
gdb -nx -batch -ex 'python print(1)' 2>/dev/null | grep -qx 1 || skip "gdb has no Python"

gdb_major() { gdb --version | sed -n '1s/.* \([0-9]*\)\..*/\1/p'; }

# gdb_run COMMANDS-FILE [gdb argument...]: gdb in batch mode, with gdb.py.  Shown
# are lines of gdb.py, of the host and of the inferior's end, and whatever may
# be a complaint.  GDB_AUTO: with the scripts of this repository that gdb loads by
# itself.  GDB_AUDIT: under another module than this build's, or ("") under none.
gdb_run() {
	local commands=$1 auto='set auto-load no'
	shift
	[ -z "${GDB_AUTO:-}" ] || auto="set auto-load safe-path $ROOT:${GOAUDIT_BUILD%/*}"
	gdb -nx -q -batch -iex 'set debuginfod enabled off' -iex "$auto" \
		-ex 'set pagination off' -ex 'set confirm off' -ex 'set width 0' \
		-ex 'set breakpoint pending on' -ex 'set startup-with-shell off' \
		-ex "set environment LD_AUDIT ${GDB_AUDIT-$AUDIT}" \
		-x "$ROOT/test/gdb.py" -x "$commands" "$@" </dev/null >gdb.log 2>&1 || true
	sed -n "/Temporarily disabling/d; /auto-loading has been declined/d; s/^\[Inferior 1 (process [0-9]*) /[Inferior 1 /
		/^host: /p; /^gdb: /p; /^\[Inferior/p
		/[Ee]rror/p; /warning/p; /SIG/p; /Corrupted/p; /Traceback/p" gdb.log
}

# cores_of STATE...: core.STATE, of ./host under gdb where it calls state(STATE).  The
# host may replace guest.so, which is v1.so each time.
cores_of() {
	local state
	for state; do
		cat >commands <<G
break state if \$_streq(name, "$state")
run
generate-core-file core.$state
kill
G
		# The next start removes what a killed process has left.
		export GOAUDIT_SNAPSHOTS=$TEST_DIR/snapshots.$state
		gdb_run commands ./host >/dev/null
		[ -s "core.$state" ] || fail "no core: $(cat gdb.log)"
		rm -f guest.so && cp v1.so guest.so
	done
}

# wait_for_stop PID: until the process has stopped itself.
wait_for_stop() {
	until [ "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status")" = T ]; do sleep 0.02; done
}
