#!/bin/bash
# What cannot be loaded is refused with its reason, before anything is mapped,
# and the host lives on: a library with a Go runtime of its own, a guest for
# another runtime, one whose runtime is not there, the runtime itself, damaged
# files.  A guest that the go command has linked its own way is taken, with a
# warning.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

go_file some/main.go <<'GO'
package main

import "C"

import (
	"fmt"
	"reflect"
)

//export Test
func Test() *C.char {
	return C.CString(fmt.Sprint("ran ", reflect.MapOf(reflect.TypeOf(""), reflect.TypeOf(0)) == reflect.TypeOf(map[string]int{})))
}

func main() {}
GO
build_guests some
libstd=$("$GOAUDIT_BUILD/goaudit" runtime --print)
folder=$(dirname "$libstd")

cc_host host <<'C'
#include "gohost.h"
/* host FILE...: opens each, calls it; "-FILE" without the flag. */
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int flags = argv[i][0] == '-' ? RTLD_NOW : FLAGS;
		char *name = argv[i] + (argv[i][0] == '-'), *error;
		void *h = dlopen(name, flags);

		if (h) {
			print_text(h, "Test");
			continue;
		}
		CHECK((error = dlerror()));
		error = strdup(error);
		CHECK(dlerror() == NULL);
		CHECK(maps_with(strrchr(name, '/')) == 0);
		name = strstr(error, strrchr(name, '/'));
		printf("%s\n", name ? name + 1 : error);
	}
	return 0;
}
C

# --- damaged, and for another runtime
hash=$(basename "$(readlink -f "$folder")")	# only to have something to print on failure
abi=$(sed -n 's/^abi //p' "$folder/complete")
[ -n "$abi" ] || fail "no ABI hash in $folder/complete ($hash)"
perl -e '
	my ($in, $out, $abi) = @ARGV;
	local $/; open F, "<", $in; binmode F; $_ = <F>;
	my $raw = pack "H*", $abi; my $other = "\x00\x01\x02\x03" . substr($raw, 4);
	my $n = s/\Q$raw\E/$other/g;
	die "the ABI hash is not in it" unless $n;
	open F, ">", $out; binmode F; print F $_;' some.so other.so "$abi"
head -c 3000 some.so >short.so
: >empty.so
echo "not a library at all, but long enough to be looked at as one of those" >text.so
mkdir folder.so
ln -s nowhere.so dangling.so
cp "$libstd" runtime.so
first=${abi:0:16}
others="./some.so ./other.so ./short.so ./empty.so ./text.so ./runtime.so ./some.so"
expect_output run_audited ./host $others <<E
ran true
other.so: built for another Go runtime (ABI hash 00010203${first:8}, the one of this process is $first): rebuild it with \`goaudit build\`
short.so: $(run_audited ./host ./short.so | sed 's/^short.so: //')
empty.so: the file is empty: build it again
text.so: not an ELF file: no ELF magic: rebuild it for this machine, or copy it again
runtime.so: it is the Go runtime library itself: open a guest instead
ran true
E
run_audited ./host ./short.so | grep -q '^short.so: .*: rebuild it for this machine, or copy it again$' ||
	fail "short.so: $(run_audited ./host ./short.so)"
for name in folder.so dangling.so missing.so; do
	plain=$(./host -./$name)
	[ "$(run_audited ./host ./$name)" = "$plain" ] || fail "$name: not glibc's words: $plain"
done

# --- its runtime is not on the machine
go_version=$(go env GOVERSION)
export folder
perl -pe 's/\Q$ENV{folder}\E/"x" x length $ENV{folder}/ge' some.so >lost.so
export GOAUDIT_CACHE=$TEST_DIR/nothing
expect_output run_audited ./host ./lost.so ./other.so ./some.so <<E
lost.so: its Go runtime library (libstd.so, for $go_version) is not on this machine: rebuild it with \`goaudit build\`
other.so: its Go runtime library (libstd.so, for $go_version) is not on this machine: rebuild it with \`goaudit build\`
ran true
E
unset GOAUDIT_CACHE
# The cache knows it by its hash, when the path in the guest is no good.
expect_output run_audited ./host ./lost.so <<<"ran true"
# And a copy beside the guest, found through \$ORIGIN.
mkdir beside
cp "$libstd" beside/libstd.so
perl -pe 's/\Q$ENV{folder}\E/"\$ORIGIN" . ":" x (length($ENV{folder}) - 7)/ge' some.so >beside/some.so
GOAUDIT_CACHE=$TEST_DIR/nothing expect_output run_audited ./host ./beside/some.so <<<"ran true"

# --- a runtime of its own
(cd src/some && go build -buildmode=c-shared -ldflags=-s -o "$TEST_DIR/own.so" .) 2>own.log || fail "$(cat own.log)"
expect_output run_audited ./host ./own.so ./some.so <<'E'
own.so: it carries a Go runtime of its own, which cannot be closed: build it with `goaudit build`
ran true
E
expect_output run_audited ./host -./own.so <<<"ran true"	# glibc's, as ever
expect_output run_plain ./host -./own.so <<<"ran true"

# --- linked by the go command its own way: -Bsymbolic
go_with_runtime symbolic.so some -buildmode=c-shared
GOAUDIT_LOG=$TEST_DIR/log expect_output run_audited ./host ./symbolic.so ./some.so <<'E'
ran false
ran true
E
grep -q "symbolic.so: warning: linked with -Bsymbolic: .*build it with .goaudit build" log || fail "no warning: $(cat log)"
[ "$(grep -c warning log)" = 1 ] || fail "$(cat log)"
