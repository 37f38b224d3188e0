# What the tests with gdb share; after lib.sh.
# shellcheck shell=bash

command -v gdb >/dev/null || skip "no gdb"
gdb -nx -batch -ex 'python print(1)' 2>/dev/null | grep -qx 1 || skip "gdb has no Python"

GDB_FOLDER=$ROOT/test/gdb

# gdb_run COMMANDS-FILE [gdb argument...]: gdb in batch mode, with tests.py.  Shown
# are lines of tests.py, of the host and of the inferior's end, and whatever may
# be a complaint.  The environment of gdb stays without LD_AUDIT.
gdb_run() {
	local commands=$1
	shift
	# set disable-randomization fails where personality(2) is forbidden
	timeout 100 gdb -nx -q -batch -iex 'set debuginfod enabled off' \
		-iex 'set auto-load no' \
		-ex 'set pagination off' -ex 'set confirm off' -ex 'set width 0' \
		-ex 'set breakpoint pending on' -ex 'set startup-with-shell off' \
		-ex "set environment LD_AUDIT ${GDB_AUDIT:-$AUDIT}" \
		-x "$GDB_FOLDER/tests.py" -x "$commands" "$@" </dev/null >gdb.log 2>&1 || true
	sed -n "/Temporarily disabling/d; s/^\[Inferior 1 (process [0-9]*) /[Inferior 1 /
		/^host: /p; /^gdb: /p; /^\[Inferior/p
		/[Ee]rror/p; /warning/p; /SIG/p; /Corrupted/p; /Traceback/p" gdb.log
}
