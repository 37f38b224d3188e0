#!/bin/bash
# The goaudit command: its answers and exit statuses, and that building guests
# changes nothing of the runtime library that they are built over.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
rejects() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out.txt 2>&1 </dev/null || status=$?
	[ $status = "$want" ] || fail "$*: exit status $status, not $want"
	grep -qF -- "$text" out.txt || { cat out.txt; fail "$*: does not say: $text"; }
}

# The library: built once, then found at once; silent in a pipe but for the path.
library=$("$tool" runtime --print)
[ -f "$library" ] || fail "runtime --print: $library"
[ "$("$tool" runtime)" = "runtime $(go env GOVERSION): $library" ] || fail "runtime: the final line"
"$tool" runtime --list --json | python3 -c '
import json, sys
assert any(e["libstd"] == sys.argv[1] and e["complete"] for e in json.load(sys.stdin))' "$library" ||
	fail "runtime --list --json does not have it"
sum=$(sha256sum <"$library")

go_file plain/main.go <<'GO'
package main

import "C"

//export Answer
func Answer() C.int { return 42 }

func main() {}
GO
cp -r src/plain src/broken
echo 'var x int = "text"' >>src/broken/main.go

# From any folder, with go build's flags; the default name is the folder's.
(cd src/plain && "$tool" build -trimpath -ldflags=-s .) || fail "build"
[ -f src/plain/plain.so ] && [ -f src/plain/plain.h ] || fail "build: default names"
"$tool" build -C src/plain -o "$TEST_DIR/named.so" . || fail "build -C"
cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%d\n", call(open_guest(argv[i]), "Answer"));
	return 0;
}
C
expect_output run_audited ./host src/plain/plain.so ./named.so <<'E'
42
42
E
rejects 1 'main.go' "$tool" build -C src/broken -o "$TEST_DIR/broken.so" .
[ ! -e broken.so ] || fail "a failed build leaves a file"
rejects 1 'race detector' "$tool" build -race -C src/plain .
[ "$(sha256sum <"$library")" = "$sum" ] || fail "a build has changed the runtime library"

# What is not there.
rejects 2 'nonsense: no such command: see goaudit help' "$tool" nonsense
rejects 2 'stauts: no such command: did you mean goaudit status?' "$tool" stauts
rejects 2 'inspct: no such command: did you mean goaudit inspect?' "$tool" inspct
[ "$("$tool" version)" = "$("$tool" --version)" ] || fail "version"
for help in "help" "-h"; do "$tool" $help | diff - <("$tool" --help) || fail "$help"; done
# shellcheck disable=SC2086	# two words
for help in "help status" "status -h"; do "$tool" $help | diff - <("$tool" status --help) || fail "$help"; done
rejects 2 'goaudit' "$tool"
for command in "" runtime build; do
	"$tool" $command --help | grep -q '^Usage: goaudit' || fail "$command --help"
done
rejects 1 go env PATH=/nonexistent "$tool" runtime
