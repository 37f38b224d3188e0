#!/bin/bash
# The texts of errors that take some doing: a go command that fails in each way, a
# cache that is not as it should be, flags that spoil a guest, and calls of the
# module that cannot be answered.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
unset GODEBUG GOFLAGS
says() { # STATUS TEXT COMMAND...: this is among what it says
	local status=$1 text=$2
	shift 2
	ends_saying "$status" "goaudit: $text" "$@"
}
library=$("$tool" runtime --print)
key=$(basename "$(dirname "$library")")

# --- guests that are spoiled by flags
go_file guest/main.go <<'GO'
package main

import "C"
import _ "net"

//export value
func value() C.int { return 1 }

func main() {}
GO
go_file lib/lib.go <<<'package lib'
says 1 "package net of the standard library differs from the runtime library's: leave out -tags and the like, which change it" \
	"$tool" build -C src/guest -tags=netgo -o "$PWD/guest.so" .
says 1 "$PWD/guest.so: linked with -Bsymbolic, which gives it types of its own: leave -Wl,-Bsymbolic out of -extldflags" \
	"$tool" build -C src/guest -ldflags=-extldflags=-Wl,-Bsymbolic -o "$PWD/guest.so" .
! "$tool" build -C src/lib -o "$PWD/lib.so" . >out.txt 2>&1 || fail "a package that is no main is built"
grep -q 'main package' out.txt || fail "no main: $(cat out.txt)"
# All of its references are found when it is linked, so this takes the real library.
"$tool" build -C src/guest -ldflags=-extldflags=-Wl,-z,defs,--no-as-needed,-lc -o "$PWD/defs.so" . >out.txt 2>&1 || :
[ -f defs.so ] && [ ! -s out.txt ] || fail "-z defs: $(cat out.txt)"

# --- go toolexec's part
says 1 'toolexec: link without -o: run goaudit build' env GOAUDIT_LIBSTD=x "$tool" toolexec /none/link -buildmode=shared
says 1 'nowhere/out: No such file or directory: see TMPDIR' \
	env GOAUDIT_LIBSTD="$library" "$tool" toolexec /none/link -buildmode=shared -o nowhere/out
says 1 '/none/link -V=full: does not run' env GOAUDIT_LINK_ID=x "$tool" toolexec /none/link -V=full

# --- the cache
broken() { rm -rf cache; mkdir -p cache/runtime; }
broken; rmdir cache/runtime; : >cache/runtime
says 1 "$key: lock: Not a directory: make the cache folder writable" env GOAUDIT_CACHE=cache "$tool" runtime
broken; mkdir "cache/runtime/.$key.lock"
says 1 "$key: lock: Is a directory: make the cache folder writable" env GOAUDIT_CACHE="$PWD/cache" "$tool" runtime
broken; mkdir "cache/runtime/$key"; cp "$(dirname "$library")/complete" "cache/runtime/$key"; : >cache/runtime/by-abi
says 1 "$PWD/cache/runtime/by-abi/$(sed -n 's/^abi //p' "cache/runtime/$key/complete"): Not a directory: make the cache folder writable" \
	env GOAUDIT_CACHE="$PWD/cache" "$tool" runtime
rm cache/runtime/by-abi
cc_so "cache/runtime/$key/libstd.so" <<<'int x;'
mkdir "cache/runtime/$key/pkg"
says 1 "$PWD/cache/tmp/$key.0/pkg/libstd.so: no list of packages in it: goaudit runtime --clean" \
	env GOAUDIT_CACHE="$PWD/cache" "$tool" build -C src/guest -o "$PWD/guest.so" .

# --- a go command that fails; what it is asked for is in its first argument
cat >fakego <<'S'
#!/bin/bash
case $1 in
env) exec go "$@" ;;
build) exit 1 ;;
esac
while [ "$1" != -pkgdir ]; do shift; done
case $FAKE in
fails) echo 'some package does not build'; exit 3 ;;
dies) kill -9 $$ ;;
nothing) ;;
junk) gcc -shared -x c -o "$2/libstd.so" /dev/null ;;
esac
S
chmod +x fakego
fake() { # WORD TEXT [STATUS]
	broken
	FAKE=$1 GO=$PWD/fakego GOAUDIT_CACHE=$PWD/cache says "${3:-1}" "$2" "$tool" runtime
}
dir=$PWD/cache/runtime/$key
version=$(go env GOVERSION)
fake fails "go install -buildmode=shared std: exit status 3: see $dir/build.log"
grep -qx 'some package does not build' out.txt || fail "go's output is not shown: $(cat out.txt)"
grep -qxF "goaudit: the linker for debug information does not build: see $dir/link.log" out.txt || fail "$(cat out.txt)"
grep -qxF "goaudit: $version: guests will have functions and lines for debuggers, but no variables: use a Go that goaudit(1) lists" out.txt || fail "$(cat out.txt)"
fake dies 'go install std: ended by signal 9' 137
fake nothing "$dir/pkg/libstd.so: No such file or directory: see build.log in $dir"
fake junk "$dir/libstd.so: not a Go runtime library: this Go cannot build one"

# --- an installation that does not fit
mkdir 'a:b' moved
cp -L "$tool" "$(realpath "$AUDIT")" 'a:b'
[ -e a:b/libgoaudit.so ] || mv a:b/libgoaudit.so.* a:b/libgoaudit.so
says 1 "$PWD/a:b/libgoaudit.so: LD_AUDIT cannot name a path with a colon: install it elsewhere" 'a:b/goaudit' run true
cp -rL "$tool" "$GOAUDIT_BUILD"/libgoaudit*.so "$ROOT/audit/go/overlay" "$ROOT/audit/go/linker" moved
printf '\n@ lib.go 1\n-no such line\n+another\n' >>moved/linker/edits
broken
FAKE=nothing GO=$PWD/fakego GOAUDIT_CACHE=$PWD/cache says 1 "lib.go: not as expected: \`no such line' is there 0 times, not 1" moved/goaudit runtime
[ ! -d /proc/self/ns ] || says 1 "/proc/.goaudit-PID: No such file or directory: choose another folder with -o" \
	bash -c '"$0" watch -o /proc/x.so "$1" -- true 2>&1 | sed "s/goaudit-[0-9]*/goaudit-PID/"; exit ${PIPESTATUS[0]}' "$tool" src/guest
says 1 "$PWD/fakego: cannot be watched: Not a directory" "$tool" watch fakego -- true

cp "$(type -P true)" capable
if python3 -c 'import os, struct; os.setxattr("capable", "security.capability", struct.pack("<5I", 0x2000001, 1 << 10, 0, 0, 0))' 2>/dev/null; then
	says 0 "./capable: it has file capabilities, so goaudit's variables are ignored: run it without them" "$tool" run ./capable
fi

# --- the module
cc_so plain.so <<<'int value(void) { return 1; }'
cc_so save.so <<'C'
#include <stddef.h>
void *goaudit_save(size_t *size, unsigned *version) { *size = 1; *version = 1; return NULL; }
int goaudit_load(const void *data, size_t size, unsigned version) { return 0; }
C
cp save.so other.so; echo >>other.so
cc_host host <<'C'
#include "host.h"
#include <sys/resource.h>
static void nothing(void *handle, const char *error, void *arg) { }
static void says(void) { const char *text = dlerror(); puts(strchr(text, ':') + 1); }
int main(void)
{
	struct rlimit files = { 3, 3 };
	void *raw = dlopen("./plain.so", FLAGS | RTLD_RAW), *h;

	CHECK(raw && goaudit_watch(raw, nothing, NULL) == -1);
	says();
	replace("save.so", "guest.so");
	h = open_guest("./guest.so");
	CHECK(goaudit_watch(h, NULL, NULL) == -1);
	says();
	replace("other.so", "guest.so");
	CHECK(!dlreload(h));
	says();
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	CHECK(goaudit_watch(h, nothing, NULL) == -1);
	says();
	return 0;
}
C
expect_output run_audited ./host <<'E'
 not an open handle of a reloadable object: open it with RTLD_RELOADABLE, without RTLD_RAW, first
 is not watched: start with goaudit_watch
 goaudit_save of the old generation has failed: see what it says
 cannot be watched: Too many open files: see inotify(7) for the limits
E

# Companions of the module that are missing.
cc_host opener <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	CHECK(!dlopen(argv[1], FLAGS | atoi(argv[2])));
	puts(strchr(dlerror(), ':') + 2);
	return 0;
}
C
go_file small/main.go <<'GO'
package main

import "C"

//export value
func value() C.int { return 1 }

func main() {}
GO
build_guest small.so small
panic_return=$(printf '#include "goaudit.h"\nRTLD_PANIC_RETURN' | gcc -E -P -I"$ROOT/include" - | tail -n 1)
lacking() { # COMPANION GUEST MODE
	rm -rf lacking
	mkdir lacking
	cp -L "$GOAUDIT_BUILD"/libgoaudit*.so lacking
	rm "lacking/libgoaudit-$1.so"
	LD_AUDIT=$PWD/lacking/libgoaudit.so ./opener "$2" "$3" 2>&1
}
expect_output lacking image ./plain.so 0 <<'E'
cannot open shared object file: No such file or directory: free memory, or install it beside libgoaudit.so
E
expect_output lacking entries ./small.so $((panic_return)) <<'E'
panics cannot be returned from: libgoaudit-entries.so is not beside libgoaudit.so: install it
E
