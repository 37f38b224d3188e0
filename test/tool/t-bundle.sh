#!/bin/bash
# goaudit bundle: a program and its guests, in C and in Go, run from the folder alone: without
# Go, goaudit's cache and, with --glibc, in a root that has nothing else.  What is missing
# there is named.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
go_file plain/main.go <<'GO'
package main

import "C"

//export Answer
func Answer() C.int { return 42 }

func main() {}
GO
build_guests plain
cc_so part.so <<<'int part(void) { return 7; }'
cc_host host <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *h = dlopen(argv[i], RTLD_NOW);
		int (*f)(void) = h ? (int (*)(void))dlsym(h, "Answer") : NULL;

		if (!f)
			printf("%s\n", dlerror());
		else
			printf("%d %d\n", f(), dlclose(h));
	}
	return 0;
}
C
alone() { env -i PATH=/usr/bin:/bin HOME=/nonexistent GOAUDIT_SNAPSHOTS="$GOAUDIT_SNAPSHOTS" "$@"; }
in_place() { alone "$PWD/out/start" "$PWD/out/plain.so"; }
"$tool" bundle out ./host plain.so >told
diff told - <<'E' || fail "what it tells"
out: start it with out/start
the other machine has to have: libc.so.6
E
expect_output in_place <<<'42 0'
for f in out/host out/*.so out/lib/*.so; do
	! readelf -d "$f" | grep -F "$("$tool" runtime --print | xargs dirname)" || fail "$f leads to the cache"
done
# The control: without its start.
expect_output alone ./host "$PWD/out/plain.so" <<<"$PWD/out/lib/libstd.so: undefined symbol: main.main"
# Replaced where it is one of ours, and left alone otherwise; a failure leaves the old one.
"$tool" bundle --strip out ./host plain.so >/dev/null
[ "$(stat -c %s out/lib/libstd.so)" -lt "$(stat -c %s "$("$tool" runtime --print)")" ] || fail "not stripped"
expect_output in_place <<<'42 0'
status=0; "$tool" bundle out ./host none.so >text 2>&1 || status=$?
[ $status = 1 ] && grep -q '^goaudit: none.so: No such file or directory: ' text || fail "$status $(cat text)"
expect_output in_place <<<'42 0'
[ ! -e out.new ] || fail "half a bundle is left"
mkdir mine && echo mine >mine/file
status=0; "$tool" bundle mine ./host plain.so >text 2>&1 || status=$?
[ $status = 1 ] && grep -qxF 'goaudit: mine: it is there, and is no bundle: choose another folder' text &&
	[ "$(ls mine)" = file ] || fail "$status $(cat text)"

# An empty root.
[ "$(id -u)" = 0 ] || exit 0
"$tool" bundle --glibc --strip root ./host plain.so >told
diff told - <<<'root: start it with root/start' || fail "what it tells"
in_root() { env -i LD_AUDIT=/lib/libgoaudit.so GOAUDIT_SNAPSHOTS=/snapshots "$(command -v chroot)" root /host /plain.so 2>/dev/null; }
expect_output in_root <<<'42 0'
mv root/lib/libstd.so .
expect_output in_root <<E
/plain.so: its Go runtime library (libstd.so, for $(go env GOVERSION)) is not on this machine: rebuild it with \`goaudit build\`
E
mv libstd.so root/lib/ && rm root/lib/libelf.so.1
expect_output in_root <<'E'
libelf.so.1: cannot open shared object file: No such file or directory: free memory, or install it beside libgoaudit.so
E
