#!/bin/bash
# goaudit inspect on images of every kind: what it says, its exit status, its
# JSON, and that its verdict is what really happens when the file is opened.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
seen() { # FILE...: the report without debug-info notes and addresses
	"$tool" inspect "$@" | grep -v 'no-debug-info' | sed -E 's/ABI [0-9a-f]{16}/ABI HASH/; s/\(go1[.0-9a-z]*/(goVERSION/g; s/_cgoexp_[0-9a-f]*/_cgoexp/' || :
}
export -f seen
export tool

# --- libraries in C and C++
cc_so plain.so <<<'int value(void) { return 1; }'
cc_so nodelete.so -Wl,-z,nodelete <<<'int value(void) { return 1; }'
cc_so noopen.so -Wl,-z,nodlopen <<<'int value(void) { return 1; }'
cc_so tls-small.so -ftls-model=initial-exec <<<'__thread int a[100]; int value(void) { return a[0]; }'
cc_so tls-huge.so -ftls-model=initial-exec <<<'__thread int a[100000]; int value(void) { return a[0]; }'
cc_so tls-dynamic.so <<<'__thread int a[100000]; int value(void) { return a[0]; }'
cc_so stack.so -Wl,-z,execstack <<<'int value(void) { return 1; }'
gcc -g -x c -shared -fno-pic -mcmodel=large -Wl,-z,notext -o textrel.so - 2>/dev/null <<<'int x; int *p(void) { return &x; } int value(void) { return *p(); }'
cxx_so unique.so <<<'template <class T> struct S { static int n; }; template <class T> int S<T>::n; extern "C" int value() { return S<int>::n; }'
cc_so libthere.so -Wl,-soname,libthere.so <<<'int there(void) { return 1; }'
cc_so missing.so -L. -lthere -Wl,--no-as-needed <<<'int there(void); int value(void) { return there(); }'
cc_so found.so -L. -lthere -Wl,-rpath,'$ORIGIN' <<<'int there(void); int value(void) { return there(); }'
cc_so symbolic.so -Wl,-Bsymbolic <<<'int n; int value(void) { return n; }'
# --- D, as far as it shows: a runtime by its name, a symbol of every D object
cc_so libdruntime-ldc-shared.so.100 -Wl,-soname,libdruntime-ldc-shared.so.100 <<<'int _d_dso_registry(void) { return 1; }'
cc_so libgdruntime.so.3 -Wl,-soname,libgdruntime.so.3 <<<'int gdc(void) { return 1; }'
cc_so libgphobos.so.3 -Wl,-soname,libgphobos.so.3 <<<'int _d_dso_registry(void) { return 1; }'
d='int _d_dso_registry(void); int value(void) { return _d_dso_registry(); }'
cc_so d.so ./libdruntime-ldc-shared.so.100 -Wl,-rpath,'$ORIGIN' <<<"$d"
cc_so d-gdc.so ./libgphobos.so.3 -Wl,-rpath,'$ORIGIN' <<<"$d"
cc_so d-both.so ./libdruntime-ldc-shared.so.100 -Wl,--no-as-needed ./libgdruntime.so.3 -Wl,-rpath,'$ORIGIN' <<<"$d"
cc_so d-own.so <<<'int _d_dso_registry(void) { return 1; } int value(void) { return 1; }'
# --- damaged
head -c 3000 plain.so >truncated.so
perl -pe 's/^(.{18})./$1\x28/s if $. == 1' plain.so >machine.so
echo text >text.so
: >empty.so
expect_output seen plain.so nodelete.so noopen.so tls-small.so tls-huge.so tls-dynamic.so \
	stack.so textrel.so unique.so missing.so found.so symbolic.so d.so d-gdc.so d-both.so d-own.so \
	truncated.so machine.so text.so empty.so gone.so <<'E'
plain.so: C: reloads
nodelete.so: C: reloads, with care
    warning [nodelete]: DF_1_NODELETE: whoever built it wants it never unloaded; it is cleared in the copy that is loaded: find out why it was linked with -z nodelete (threads, handlers, thread-local data that outlive a close?)
noopen.so: C: does not reload
    refused [noopen]: DF_1_NOOPEN: dlopen refuses it: link it without -z nodlopen
tls-small.so: C: reloads, with care
    warning [static-tls]: static TLS of 400 bytes, 25% of the 1664 that a process has for all libraries that it opens; each reload takes them anew while the old generation is there: build it with -ftls-model=global-dynamic
tls-huge.so: C: does not reload
    refused [static-tls]: static TLS of 400000 bytes: a process has about 1664 for all libraries that it opens: build it with -ftls-model=global-dynamic, or set GLIBC_TUNABLES=glibc.rtld.optional_static_tls
tls-dynamic.so: C: reloads
stack.so: C: reloads, with care
    warning [executable-stack]: it asks for an executable stack: glibc 2.41 and later refuses to open it: link it with -z noexecstack; assembly needs a .note.GNU-stack section
textrel.so: C: reloads, with care
    warning [textrel]: text relocations: its code is made writable while it is loaded, and breakpoints in it survive no reload: compile all of it with -fPIC
unique.so: C++: reloads
    note [unique]: STB_GNU_UNIQUE: _ZN1SIiE1nE: made global in the copy that is loaded, so each generation has its own
missing.so: C: does not reload
    refused [missing-dependency]: not found: libthere.so: install it, or set its folder with -Wl,-rpath or LD_LIBRARY_PATH
found.so: C: reloads
symbolic.so: C: reloads
    note [bsymbolic]: linked with -Bsymbolic: it keeps its own symbols, also where a program has a copy of one
d.so: D over ldc's druntime: reloads, with care
    warning [druntime]: objects of its classes, threads in it and the thread that has opened it hold an old generation: close it on the thread that has opened it, and let go of its objects
d-gdc.so: D over gdc's druntime: reloads, with care
    warning [druntime]: objects of its classes, threads in it and the thread that has opened it hold an old generation: close it on the thread that has opened it, and let go of its objects
d-both.so: D over ldc's druntime: reloads, with care
    warning [two-runtimes]: ldc's druntime and gdc's druntime would be loaded together: build all of it with one compiler, or open it with RTLD_LOCAL
    warning [druntime]: objects of its classes, threads in it and the thread that has opened it hold an old generation: close it on the thread that has opened it, and let go of its objects
d-own.so: D with a druntime of its own: reloads, with care
    warning [own-druntime]: it carries a druntime of its own, whose collector does not see the host's: link it with the shared one (ldc2 -link-defaultlib-shared, gdc -shared-libphobos)
truncated.so: not an image that can be read: does not reload
    refused [unreadable]: truncated: section headers end past the file: build it again for this machine, or copy it again
machine.so: not an image that can be read: does not reload
    refused [unreadable]: built for another machine: machine 40, wanted 62: build it again for this machine, or copy it again
text.so: not an image that can be read: does not reload
    refused [unreadable]: not an ELF file: 5 bytes are fewer than an ELF header: build it again for this machine, or copy it again
empty.so: not an image that can be read: does not reload
    refused [unreadable]: not an ELF file: 0 bytes are fewer than an ELF header: build it again for this machine, or copy it again
gone.so: no such file: does not reload
    refused [missing]: there is no such file: give its path
E

# --- programs, and what they and a library take from each other
cc_so libdata.so -Wl,-soname,libdata.so <<<'long data = 1; long *where(void) { return &data; }'
cc_so libdata-protected.so -Wl,-soname,libdata-protected.so <<<'long hidden_data = 1;'
gcc -shared -fPIC -Wl,-Bsymbolic -Wl,-soname,libdata-symbolic.so -x c -o libdata-symbolic.so - <<<'long own_data = 1; long *own(void) { return &own_data; }'
cc_host dynamic-host -rdynamic -no-pie <<<'int counter; int log_line(void) { return 1; } int main(void) { return 0; }'
cc_host copy-host -no-pie -fno-pic -L. -ldata -ldata-symbolic -Wl,-rpath,'$ORIGIN' <<<'extern long data, own_data; int main(void) { return data + own_data; }'
gcc -static -x c -o static-host - <<<'int main(void) { return 0; }'
expect_output seen dynamic-host copy-host static-host <<'E'
dynamic-host: program (C): can be a host
copy-host: program (C): can be a host
    warning [copy-split]: COPY relocation of own_data (8 bytes): libdata-symbolic.so is linked with -Bsymbolic, so program and library each have one: compile the program with -fPIE -mno-direct-extern-access, or the library without it
    note [copy]: COPY relocations, so these keep their state over a reload of their library: data (8 bytes, of libdata.so)
static-host: program (C): cannot be a host
    refused [static]: statically linked: ld.so does not run in it, so LD_AUDIT does nothing: link it dynamically
E
# The split is real, and the other one is not.
cc_so libdata2.so -Wl,-soname,libdata.so <<<'char data[16] = "x"; void *where(void) { return data; }'
mkdir other && cp copy-host libdata-symbolic.so other && cp libdata2.so other/libdata.so
expect_output seen other/copy-host <<'E'
other/copy-host: program (C): can be a host
    warning [copy-size]: COPY relocation of data: 8 bytes here, 16 in libdata.so: link the program again
    warning [copy-split]: COPY relocation of own_data (8 bytes): libdata-symbolic.so is linked with -Bsymbolic, so program and library each have one: compile the program with -fPIE -mno-direct-extern-access, or the library without it
E
cc_so captured.so <<<'int counter; int log_line(void) { return 2; } static int own; int value(void) { return log_line() + counter + own; }'
expect_output seen captured.so <<<'captured.so: C: reloads'
expect_output seen --host dynamic-host captured.so plain.so <<'E'
captured.so: C: reloads, with care
    warning [captured]: its references to symbols of its own are bound to others: counter (dynamic-host), log_line (dynamic-host): make them static or hidden, or link with -Bsymbolic
plain.so: C: reloads
E
cxx_so libstatics.so -Wl,-soname,libstatics.so <<<'struct S { int n; ~S() {} }; inline S one; int f() { return one.n; }'
cc_host statics-host -L. -Wl,--no-as-needed -lstatics -Wl,-rpath,'$ORIGIN' <<<'int main(void) { return 0; }'
cxx_so statics.so <<<'struct S { int n; ~S() {} }; inline S one; thread_local S local; int f() { return one.n + local.n; }'
expect_output seen --host statics-host statics.so <<'E'
statics.so: C++: reloads, with care
    warning [captured]: its references to symbols of its own are bound to others: _ZN1SD1Ev (libstatics.so): make them static or hidden, or link with -Bsymbolic
    note [shared-statics]: one object with the host's, which keep their state over a reload and are destroyed with the host: one (libstatics.so), _ZGV3one (libstatics.so)
    note [unique]: STB_GNU_UNIQUE: _ZGV3one, one: made global in the copy that is loaded, so each generation has its own
    note [thread-locals]: it can have thread-local objects with a destructor: an old generation goes when no other thread has one of it any more
E
expect_output seen --host copy-host libdata.so libdata-symbolic.so <<'E'
libdata.so: C: does not reload
    refused [linked-by-host]: copy-host is linked against it: it is loaded at start and for ever: let the program open it with dlopen only
    warning [copy-shared]: copy-host holds it, for all generations: data (8 bytes): let the program find it with dlsym
    warning [captured]: its references to symbols of its own are bound to others: data (copy-host): make them static or hidden, or link with -Bsymbolic
libdata-symbolic.so: C: does not reload
    refused [linked-by-host]: copy-host is linked against it: it is loaded at start and for ever: let the program open it with dlopen only
    warning [copy-split]: copy-host has a copy of its own, which this library does not use: own_data (8 bytes): compile the program with -fPIE -mno-direct-extern-access, or link the library without -Bsymbolic
    note [bsymbolic]: linked with -Bsymbolic: it keeps its own symbols, also where a program has a copy of one
E

# --- Go
go_file guest/main.go <<'GO'
package main

import "C"

//export value
func value() C.int { return 1 }

func main() {}
GO
go_file program/main.go <<'GO'
package main

func main() { println(1) }
GO
build_guest guest.so guest
(cd src/guest && go build -buildmode=c-shared -o ../../own.so .)
(cd src/program && CGO_ENABLED=0 go build -o ../../go-static . &&
	CGO_ENABLED=0 GOOS=dragonfly go build -o ../../go-dragonfly .)
library=$("$tool" runtime --print)
abi=$(sed -n 's/^abi //p' "$(dirname "$library")/complete")
dir=$(dirname "$library")
export abi dir
go_with_runtime go-symbolic.so guest -buildmode=c-shared
# Another runtime library: one byte of its hash, and a package of its list.
perl -e 'local $/; $_ = <STDIN>; my $h = pack "H*", $ENV{abi};
	s/\Q$h\E/"\0" . substr($h, 1)/e or die; s/\narchive\/zip\n/\narchive\/zap\n/; print' \
	<"$library" >libstd.so
perl -e 'local $/; $_ = <STDIN>; my $h = pack "H*", $ENV{abi};
	s/\Q$h\E/"\1" . substr($h, 1)/e or die; print' <guest.so >lost.so
cc_so needs-go.so ./own.so -Wl,-rpath,'$ORIGIN' <<<'int value(void); int f(void) { return value(); }'
expect_output seen guest.so go-symbolic.so own.so lost.so needs-go.so go-static go-dragonfly <<E
guest.so: Go guest over libstd.so (goVERSION, ABI HASH): reloads
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
go-symbolic.so: Go guest over libstd.so (goVERSION, ABI HASH): reloads, with care
    warning [bsymbolic]: linked with -Bsymbolic, which gives it types of its own: type assertions and signal.Notify go wrong: build it with goaudit build, or with -Wl,-Bno-symbolic in -extldflags
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
own.so: Go with a runtime of its own (goVERSION): does not reload
    refused [own-runtime]: it carries a Go runtime of its own, which cannot be closed: build it with goaudit build
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
lost.so: Go guest over libstd.so (goVERSION, ABI HASH): does not reload
    refused [abi-mismatch]: built for the Go runtime library with ABI hash 01${abi:2:14} (goVERSION); $library has ${abi:0:16} (goVERSION): build it with goaudit build, with the toolchain that built the other
    warning [two-runtimes]: over another Go runtime library than guest.so: one process can have only one of the two: build it with goaudit build, with the toolchain that built the other
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
needs-go.so: C: reloads, with care
    warning [go-dependency]: it needs own.so, which carries a Go runtime and stays loaded for ever: build that one with goaudit build, and open it by itself
go-static: program (Go with a runtime of its own): cannot be a host
    refused [static]: statically linked: ld.so does not run in it, so LD_AUDIT does nothing: link it dynamically
    warning [thread-pointer]: entering it from another program would take that one's thread pointer (system call 158, Linux: arch_prctl): start it as a process of its own, or build it with cgo
go-dragonfly: program (Go with a runtime of its own): cannot be a host
    refused [static]: statically linked: ld.so does not run in it, so LD_AUDIT does nothing: link it dynamically
    warning [thread-pointer]: entering it from another program would take that one's thread pointer (system call 472, DragonFly: set_tls_area): start it as a process of its own, or build it with cgo
E
expect_output seen --runtime libstd.so guest.so <<E
guest.so: Go guest over libstd.so (goVERSION, ABI HASH): does not reload
    refused [abi-mismatch]: built for the Go runtime library with ABI hash ${abi:0:16} (goVERSION); libstd.so has 00${abi:2:14} (goVERSION); not in that one: archive/zip; only in that one: archive/zap: build it with goaudit build, with the toolchain that built the other
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
E
expect_output seen libstd.so <<'E'
libstd.so: Go runtime library (ABI HASH): does not reload
    refused [runtime-library]: it is the Go runtime library itself: open a guest instead
E
cc_host own-host -no-pie ./own.so -Wl,-rpath,'$ORIGIN' <<<'int value(void); int main(void) { return value(); }'
expect_output seen --host own-host guest.so <<'E'
guest.so: Go guest over libstd.so (goVERSION, ABI HASH): does not reload
    refused [two-runtimes]: own.so carries a Go runtime of its own: build it by goaudit build -exe
    warning [captured]: its references to symbols of its own are bound to others: _cgoexp_value (own.so): make them static or hidden, or link with -Bsymbolic
    note [nodelete]: DF_1_NODELETE, as in every Go library: cleared in the copy that is loaded
E

# --- D, where there is a compiler for it
for compiler in 'gdc -shared-libphobos -fPIC -o real-gdc.so' 'ldc2 -link-defaultlib-shared -relocation-model=pic -of=real-ldc.so'; do
	set -- $compiler
	command -v "$1" >/dev/null || continue
	echo 'class Own : Exception { this() { super("own"); } } extern(C) int value() { try throw new Own; catch (Exception e) return 1; }' >real.d
	"$@" -shared real.d || fail "$1 does not build"
	name=${1%2}
	seen "real-$name.so" | head -n 1 | grep -qx "real-$name.so: D over $name's druntime: reloads, with care" || fail "$(seen "real-$name.so")"
done

# --- the verdict is what happens
cc_host host <<'C'
#include "host.h"
int main(int argc, char **argv)
{
	char path[1000];

	for (int i = 1; i < argc; i++) {
		snprintf(path, sizeof path, "./%s", argv[i]);
		printf("%s: %s\n", argv[i],
		       dlopen(path, RTLD_NOW | RTLD_RELOADABLE) ? "opens" : "does not open");
	}
	return 0;
}
C
all=(plain.so nodelete.so noopen.so tls-small.so tls-huge.so tls-dynamic.so textrel.so unique.so missing.so
	found.so symbolic.so d.so d-gdc.so d-own.so truncated.so machine.so text.so empty.so gone.so captured.so
	guest.so go-symbolic.so own.so libstd.so)
for f in "${all[@]}"; do
	status=0
	"$tool" inspect --quiet "$f" >out.txt 2>&1 || status=$?
	[ ! -s out.txt ] || fail "inspect --quiet $f: $(cat out.txt)"
	case $status in
	0) echo "$f: opens" ;;
	1) echo "$f: does not open" ;;
	*) fail "inspect --quiet $f: exit status $status" ;;
	esac
done >verdicts
expect_output run_audited ./host "${all[@]}" <verdicts
# $ORIGIN in either spelling leads both of them to the runtime library, a longer word neither.
mkdir runtime no-cache && ln -s "$library" runtime/libstd.so
for word in '$ORIGIN' '${ORIGIN}' '$ORIGINAL'; do
	word=$word perl -e 'local $/; $_ = <STDIN>; my $to = "$ENV{word}/runtime";
		s/\Q$ENV{dir}\E(?=\0)/$to . "\0" x (length($&) - length($to))/e or die; print' <guest.so >moved.so
	case $word in '$ORIGINAL') verdict='does not open' status=1 ;; *) verdict=opens status=0 ;; esac
	is=0; GOAUDIT_CACHE=$PWD/no-cache "$tool" inspect --quiet moved.so || is=$?
	[ $is = $status ] || fail "$word in RUNPATH: inspect: exit status $is, wanted $status"
	expect_output run_audited env GOAUDIT_CACHE="$PWD/no-cache" ./host moved.so <<<"moved.so: $verdict"
done
"$tool" inspect -q plain.so unique.so || fail "notes fail"
"$tool" inspect -q nodelete.so || fail "warnings fail without --strict"
! "$tool" inspect -q --strict nodelete.so || fail "warnings do not fail with --strict"
status=0; "$tool" inspect >/dev/null 2>&1 || status=$?
[ $status = 2 ] || fail "no argument: exit status $status"

# --- a folder, JSON, names that would drive a terminal
mkdir -p folder/sub && cp plain.so folder && cp unique.so folder/sub && cp text.so empty.so folder
gcc -c -x c -o folder/object.o - <<<'int x;'
mkfifo folder/pipe
expect_output seen folder <<'E'
folder/plain.so: C: reloads
folder/sub/unique.so: C++: reloads
    note [unique]: STB_GNU_UNIQUE: _ZN1SIiE1nE: made global in the copy that is loaded, so each generation has its own
E
perl -pe 's/libthere\.so/lib\e[2J\xff.so/g' missing.so >$'bad\e[31m\xffname.so'
"$tool" inspect --json "${all[@]}" $'bad\e[31m\xffname.so' folder >out.json || :
python3 - out.json <<'P'
import json, sys
images = json.load(open(sys.argv[1], encoding="utf-8"))
assert len(images) == 27, len(images)
byname = {i["path"]: i for i in images}
assert byname["nodelete.so"]["verdict"] == "reloads, with care"
assert byname["nodelete.so"]["findings"][0]["id"] == "nodelete"
assert byname["guest.so"]["runtime"].endswith("/libstd.so") and len(byname["guest.so"]["abi"]) >= 40
assert byname["tls-huge.so"]["worst"] == "refused"
bad = [i for i in images if i["path"].startswith("bad")][0]
assert bad["findings"][0]["text"] == "not found: lib?[2J?.so", bad
for i in images:
    for s in [i["path"]] + [f["text"] for f in i["findings"]]:
        assert all(c >= " " and c != "\x7f" for c in s), repr(s)
P
