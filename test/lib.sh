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

# The sources of the module, of all its layers, that match a glob: module_sources GLOB
module_sources() {
	local layer
	for layer in core loader guest entry adapter adapter/go reload api; do
		find "$ROOT/audit/$layer" -maxdepth 1 -name "$1"
	done
}

# Set-user-ID bits mean nothing in a process that may not gain privileges.
may_gain_privileges() { ! grep -q '^NoNewPrivs:.*1' /proc/self/status; }

[ -f "$AUDIT" ] || fail "$AUDIT: not built"

HOSTS=$ROOT/test/hosts
CFLAGS="-g -O1 -Wall -Wno-unused -Wno-format-truncation \
	-I$ROOT/include -I$HOSTS"

# Up to glibc 2.33 dlopen is in a library of its own.
DL='-Wl,--as-needed -ldl'

# Whether a line of a script is this line of a here-document: unquoted ones may have
# anything from the first $ or \ on; a here-string begins and ends within a line.
same_line() { # SCRIPT'S-LINE TEXT'S-LINE
	[ "$1" != "$2" ] || return 0
	case $1 in
	*"<<<'$2" | *"<<<'$2'"* | "$2'"*) ;;
	*[\$\\]*) [[ $2 == "${1%%[\$\\]*}"* ]] && [[ $1 != [\$\\]* ]] ;;
	*) return 1 ;;
	esac
}

# Where a text stands in one of the scripts that led here: LINE "FILE".
place_of() { # TEXT-FILE
	local text lines i n k file
	mapfile -t text <"$1"
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		file=${BASH_SOURCE[i]}
		[ "$file" != "${BASH_SOURCE[0]}" ] || continue
		[[ $file == /* ]] || file=$SCRIPT
		mapfile -t lines <"$file"
		for ((n = BASH_LINENO[i - 1] - 1; n <= ${#lines[@]} - ${#text[@]}; n++)); do
			for ((k = 0; k < ${#text[@]}; k++)); do
				same_line "${lines[n + k]}" "${text[k]}" || continue 2
			done
			echo "$((n + 1)) \"$file\""
			return
		done
	done
}

# The number of the script's line that is this text, white space in front aside: for what
# debuggers say of hosts and guests that are compiled from the script.
line_of() { # TEXT
	TEXT=$1 awk '{ sub(/^[ \t]*/, "") } $0 == ENVIRON["TEXT"] { print NR; exit }' "$SCRIPT"
}

# Compiles the source on standard input.  The compiler, gdb and CHECK name the line of
# the script in which it is written, or of the file it is read from; what was put
# together is kept in the folder .sources, and lines are those of that file.
compile() { # COMPILER LANGUAGE OUT [option...]
	local compiler=$1 language=$2 out=$3 text place
	shift 3
	text=$TEST_DIR/.sources/${out//\//_}.$language
	mkdir -p "$TEST_DIR/.sources"
	cat >"$text.new"
	place=$(readlink /proc/self/fd/0)
	if [ -f "$place" ]; then place="1 \"$place\""; else place=$(place_of "$text.new"); fi
	{ [ -z "$place" ] || echo "#line $place"; cat "$text.new"; } >"$text"
	rm "$text.new"
	# shellcheck disable=SC2086
	$compiler $CFLAGS -iquote . -x "$language" -o "$out" "$text" -x none "$@" $DL
}

# Compiles the C (C++) source on standard input: cc_so OUT [gcc option...]
cc_so() { compile "gcc -shared -fPIC" c "$@"; }
cxx_so() { compile "g++ -shared -fPIC" c++ "$@"; }
cc_host() { compile gcc c "$@"; }
cxx_host() { compile g++ c++ "$@"; }

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

# control_module FOLDER FUNCTION...: the same module, in which calls of a function go
# to its __wrap_FUNCTION on standard input: for tests that must fail with it.
control_module() {
	local folder=$1 f wraps=() objects=()
	shift
	for f; do wraps+=("-Wl,--wrap=$f"); done
	# By their sources: objects of those that are gone may lie there, too.
	for f in "$ROOT"/audit/{core,loader,guest,entry,adapter,adapter/go,reload,api}/*.[cS] \
		"$ROOT"/dlbind/{linkmap,private}.c; do
		objects+=("$GOAUDIT_BUILD${f#"$ROOT"}.o")
	done
	mkdir "$folder"
	gcc -w -shared -fPIC -x c "${wraps[@]}" -o "$folder/libgoaudit.so" - -x none \
		-Wl,--version-script="$ROOT/audit/libgoaudit.map" -Wl,-z,defs \
		"${objects[@]}" "$GOAUDIT_BUILD/libdlbind.a" -pthread $DL
	ln -s "$GOAUDIT_BUILD"/libgoaudit-*.so "$folder/"
}
