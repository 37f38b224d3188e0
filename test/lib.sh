# What the test scripts share.  A script begins with
#
#	. "$(dirname "$0")/../lib.sh"
#
# and finds itself in its private, empty folder, with -e and -u set.
# shellcheck shell=bash
set -eu -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPT=$(cd "$(dirname "$0")" && pwd)/${0##*/}
GOAUDIT_BUILD=${GOAUDIT_BUILD:-$ROOT/.build}
AUDIT=$GOAUDIT_BUILD/libgoaudit.so

if [ -z "${TEST_DIR:-}" ]; then		# not started by test/run
	TEST_DIR=$(cd "$(mktemp -d)" && pwd -P)
	own_folder=$TEST_DIR
fi
cleanup() { [ -z "${own_folder:-}" ] || rm -rf "$own_folder"; }
trap cleanup EXIT
cd "$TEST_DIR"
export TEST_DIR

# Every process under test keeps its snapshots here; see expect_no_snapshots.
export GOAUDIT_SNAPSHOTS=$TEST_DIR/snapshots
unset LD_AUDIT LD_LIBRARY_PATH LD_PRELOAD GOAUDIT_LOG GOAUDIT_RELOADABLE
export LC_ALL=C

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

skip() { # REASON
	echo "$*"
	exit 77
}

# Copies the module to where another user can read it, wherever the build is.
# Sets $1 to the copy's path.
public_module() {
	install -d -m 755 module
	install -m 755 "$GOAUDIT_BUILD"/libgoaudit*.so module
	printf -v "$1" %s "$PWD/module/libgoaudit.so"
}

# Set-user-ID bits mean nothing in a process that may not gain privileges.
may_gain_privileges() { ! grep -q '^NoNewPrivs:.*1' /proc/self/status; }

[ -f "$AUDIT" ] || fail "$AUDIT: not built"

HOSTS=$ROOT/test/hosts
CFLAGS="-g -O1 -Wall -Wno-unused -Wno-format-truncation \
	-I$ROOT/include -I$HOSTS"

# Up to glibc 2.33 dlopen is in a library of its own.
DL='-Wl,--as-needed -ldl'

# Compiles the C (C++) source on standard input: cc_so OUT [gcc option...]
cc_so() {
	local out=$1; shift
	gcc $CFLAGS -shared -fPIC -x c -o "$out" - -x none "$@" $DL
}
cxx_so() {
	local out=$1; shift
	g++ $CFLAGS -shared -fPIC -x c++ -o "$out" - -x none "$@" $DL
}
cc_host() {
	local out=$1; shift
	gcc $CFLAGS -x c -o "$out" - -x none "$@" $DL
}
cxx_host() {
	local out=$1; shift
	g++ $CFLAGS -x c++ -o "$out" - -x none "$@" $DL
}

# Runs a command under the audit module, or without it.
run_audited() { env LD_AUDIT="$AUDIT" "$@"; }
run_plain() { "$@"; }

# ends_saying STATUS LINE COMMAND...: it ends with this status, and this line is among
# what it says (both streams).
ends_saying() {
	local want=$1 line=$2 status=0
	shift 2
	"$@" >out.txt 2>&1 </dev/null || status=$?
	[ $status = "$want" ] || { cat out.txt; fail "$*: exit status $status, not $want"; }
	grep -qxF -- "$line" out.txt || { cat out.txt; fail "$*: does not say: $line"; }
}

# expect_output COMMAND...: its output (both streams) is exactly what is on
# standard input, and its exit status is 0.
expect_output() {
	local status=0
	cat >expected.txt
	"$@" >actual.txt 2>&1 </dev/null || status=$?
	if ! diff -u expected.txt actual.txt; then
		fail "$*: unexpected output (exit status $status)"
	fi
	[ $status = 0 ] || fail "$*: exit status $status"
}

# expect_refused HOST...: without the audit module the host is told by glibc
# that the mode is invalid (the negative control of a test).
expect_refused() {
	local text
	text=$("$@" 2>&1 </dev/null) && fail "$*: works without the audit module"
	case $text in
	*"invalid mode parameter"*) ;;
	*) fail "$*: without the audit module: unexpected output: $text" ;;
	esac
}

# Nothing is left in the snapshot folder by processes that are gone.
expect_no_snapshots() {
	local left
	[ -d "$GOAUDIT_SNAPSHOTS" ] || return 0
	left=$(find "$GOAUDIT_SNAPSHOTS" -mindepth 1)
	[ -z "$left" ] || fail "left in the snapshot folder:
$left"
}
