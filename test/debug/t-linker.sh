#!/bin/bash
# The linker that gives guests debug information: the runtime library and a guest
# have it.  Where an edit does not fit the toolchain's sources, which here one is
# made not to, a message says which, nothing is half done, and guests build
# without; gdb then gets no further than to where C has called Go (the control of
# the other tests' backtraces).
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"
. "$ROOT/test/gdb.sh"

go_file guest/guest.go <<'GO'
package main

import "C"
import "fmt"

//export Show
func Show(n int) { fmt.Println(n) }

func main() {}
GO
sections() { readelf -SW "$1" | grep -o '\.debug_frame' | sort -u; }

build_guest full.so guest
[ "$(sections full.so)" = .debug_frame ] || fail "no debug information in a guest"
build_guest none.so guest -ldflags=-w
[ -z "$(sections none.so)" ] || fail "-ldflags=-w does not leave it out"

mkdir -p bin/linker
cp "$GOAUDIT_BUILD/goaudit" bin/
cp -r "$ROOT/audit/go/overlay" bin/overlay
cp "$ROOT"/audit/go/linker/* bin/linker/
sed -i 's/^-	\/\/ runtime.etext marker symbol\./-	\/\/ no such line/' bin/linker/edits
export GOAUDIT_CACHE=$TEST_DIR/cache
(cd src/guest && "$TEST_DIR/bin/goaudit" build -o "$TEST_DIR/plain.so" .) >messages.txt 2>&1 ||
	fail "$(cat messages.txt)"
version=$(go env GOVERSION)
diff -u - messages.txt <<E || fail "unexpected messages"
goaudit: building the runtime library for $version, once for this toolchain: about a minute
goaudit: symtab.go: not as expected: \`	// no such line' is there 0 times, not 1
goaudit: $version: guests will have functions and lines for debuggers, but no variables: use a Go that goaudit(1) lists
E
[ -z "$(sections plain.so)" ] || fail "debug information without its linker?"
[ -z "$(find cache -name link -type f)" ] || fail "a linker is left"

cc_host host -O0 <<'C'
#include "gohost.h"
int main(int argc, char **argv)
{
	void *h = open_guest(argv[1]);
	((void (*)(long))find(h, "Show"))(3);
	close_guest(h);
	return 0;
}
C
printf 'tbreak main.Show\nrun\npython say("main" in calls(), calls()[0])\ncontinue\n' >commands
export GODEBUG=
expect_output gdb_run commands --args ./host ./plain.so <<'E'
gdb: False main.Show
[Inferior 1 exited normally]
E
unset GOAUDIT_CACHE
expect_output gdb_run commands --args ./host ./full.so <<'E'
gdb: True main.Show
[Inferior 1 exited normally]
E
