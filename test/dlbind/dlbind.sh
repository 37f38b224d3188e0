# What the scripts in this folder share, on top of ../lib.sh.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# In memory, where programs may be run from: a disk makes the tests slow.
if memory=$(mktemp -d /dev/shm/dlbind-test.XXXXXX 2>/dev/null); then
	cleanup() { rm -rf "$memory" ${own_folder:+"$own_folder"}; }
	cp /bin/true "$memory" && "$memory/true" 2>/dev/null || memory=
fi
export DLBIND_FOLDER=${memory:-$TEST_DIR}/dlbind
unset DLBIND_KEEP XDG_RUNTIME_DIR
EXAMPLES=$ROOT/dlbind/examples
DLBIND="-D_GNU_SOURCE -I$EXAMPLES -L$GOAUDIT_BUILD -ldlbind -Wl,-rpath,$GOAUDIT_BUILD -pthread"

# Like cc_host and cxx_host: dl_host OUT [gcc option...]
dl_host() {
	local out=$1; shift
	# shellcheck disable=SC2086
	cc_host "$out" "$@" $DLBIND
}
dl_cxx_host() {
	local out=$1; shift
	# shellcheck disable=SC2086
	cxx_host "$out" "$@" $DLBIND
}
# The example JIT, as an object to link with.
jit_object() {
	# shellcheck disable=SC2086
	gcc $CFLAGS -Wextra -Werror -D_GNU_SOURCE -c -o jit.o "$EXAMPLES/jit.c"
}

# Nothing is left by processes that have ended.
expect_no_files() {
	local left
	[ -d "$DLBIND_FOLDER" ] || return 0
	left=$(find "$DLBIND_FOLDER" -mindepth 1)
	[ -z "$left" ] || fail "left in the folder:
$left"
}
