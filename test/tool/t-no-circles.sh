#!/bin/bash
# The command's and the image libraries' sources: no circle of modules (NAME.c and NAME.h),
# and none of folders.
. "$(dirname "$0")/../lib.sh"

folders() {
	awk '{ for (i = 1; i <= 2; i++) if (!sub("/[^/]*$", "", $i)) $i = "."; if ($1 != $2) print }' | sort -u
}
# shellcheck disable=SC2069	# standard error alone
loop() { tsort 2>&1 >/dev/null || :; }

cd "$ROOT/audit"
# "FROM TO" for each include.
find tool image -name '*.[ch]' -exec grep -oH '^#include "[^"]*"' {} + |
	sed 's/\.[ch]:#include "/ /; s/\.h"$//' | sort -u >"$TEST_DIR/edges"
[ "$(wc -l <"$TEST_DIR/edges")" -gt 50 ] || fail "includes are not seen"
found=$(loop <"$TEST_DIR/edges")
[ -z "$found" ] || fail "modules include each other: $found"
found=$(folders <"$TEST_DIR/edges" | loop)
[ -z "$found" ] || fail "folders include each other: $found"

# The check itself finds one, of modules and of folders.
found=$({ cat "$TEST_DIR/edges"; echo 'tool/base/text tool/inspect/inspect'; } | loop)
[ -n "$found" ] || fail "a circle of modules is not found"
found=$({ cat "$TEST_DIR/edges"; echo 'tool/base/child tool/inspect/print'; } | folders | loop)
[ -n "$found" ] || fail "a circle of folders is not found"
