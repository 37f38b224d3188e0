#!/bin/bash
# The texts of errors, of the command and of dlopen: subject, reason, what to do.
# Those of goaudit run, build, status and inspect are kept by their own tests.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/test/go.sh"

tool=$GOAUDIT_BUILD/goaudit
export GOAUDIT_CACHE=$PWD/cache
says() { # STATUS TEXT COMMAND...: exactly this
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out.txt 2>&1 </dev/null || status=$?
	[ $status = "$want" ] || { cat out.txt; fail "$*: exit status $status, not $want"; }
	diff -u <(printf '%s\n' "$text") out.txt || fail "$*: another text"
}
usage() { # COMMAND TEXT ARGUMENT...: this, and a word about --help
	local command=$1 text=$2 status=0
	shift 2
	"$tool" "$command" "$@" >out.txt 2>&1 </dev/null || status=$?
	[ $status = 2 ] && [ "$(head -n 1 out.txt)" = "goaudit $command: $text" ] && grep -q -- --help out.txt ||
		fail "goaudit $command $*: exit status $status: $(cat out.txt)"
}
says 2 'goaudit: nonsense: no such command: see goaudit help' "$tool" nonsense
usage inspect 'no FILE: name libraries, programs or folders'
usage run 'no PROGRAM: what is to be run?'
usage run 'no PROGRAM: what is to be run?' --reloadable='*'
usage watch 'no FOLDER: which package is to be built?'
usage watch 'no PROGRAM: what is to be run?' .
usage status 'x: not a process id' x
usage status '--all and a PID: give one of them' --all 1
usage runtime '--json goes with --list' --json
usage runtime '--keep-current goes with --clean' -k
usage runtime 'KEY: unexpected: a KEY goes with --clean' KEY

# The surroundings.
says 1 'goaudit: cache folder: HOME is not set or too long: set GOAUDIT_CACHE' env -u HOME -u GOAUDIT_CACHE -u XDG_CACHE_HOME "$tool" inspect .
: >file
says 1 "goaudit: file/cache: Not a directory: set GOAUDIT_CACHE to a folder that can be written" env GOAUDIT_CACHE=file/cache "$tool" inspect .
says 1 'goaudit: /none/go: cannot be run: install Go, or set GO to the go command' env GO=/none/go "$tool" runtime
says 1 "goaudit: GOOS=darwin GOARCH=amd64: guests are for this process's machine: unset them" env GOOS=darwin "$tool" runtime
says 1 'goaudit: CGO_ENABLED=0: a shared library needs cgo: unset it and install a C compiler' env CGO_ENABLED=0 "$tool" build .
printf '#!/bin/sh\nprintf "go1.21.13\\n/r\\nlinux\\namd64\\n1\\n"; yes x | head -n 10\n' >oldgo && chmod +x oldgo
says 1 'goaudit: go1.21.13: too old: use Go 1.22 or later' env GO="$PWD/oldgo" "$tool" runtime
printf '#!/bin/sh\necho one\n' >oddgo && chmod +x oddgo
says 1 "goaudit: $PWD/oddgo env: 2 lines, wanted 15: set GO to the go command" env GO="$PWD/oddgo" "$tool" runtime
says 1 'goaudit: nothing: no such library: see goaudit runtime --list' "$tool" runtime --clean nothing
says 1 'goaudit: standard output: No space left on device' bash -c '"$0" inspect --json "$1" >/dev/full' "$tool" "$tool"
says 1 "goaudit: nowhere: No such file or directory: name the folder of a Go main package" "$tool" watch nowhere -- true
says 1 'goaudit: nowhere: No such file or directory: --host wants a program' "$tool" inspect --host nowhere file
says 1 'goaudit: file: not an ELF file: 0 bytes are fewer than an ELF header: --runtime wants a libstd.so' "$tool" inspect --runtime file file
says 1 "goaudit: $tool: not a Go runtime library: --runtime wants a libstd.so" "$tool" inspect --runtime "$tool" file
says 2 'goaudit: toolexec: no tool: it is for go build -toolexec' "$tool" toolexec

# dlopen and dlreload.
cc_so good.so <<<'int value(void) { return 1; }'
head -c 3000 good.so >short.so
: >empty.so
cc_host host <<'C'
#include "host.h"
int main(void)
{
	static const char *const names[] = { "./short.so", "./empty.so", "./none.so" };
	void *h;

	for (int i = 0; i < 3; i++) {
		CHECK(!dlopen(names[i], FLAGS));
		puts(dlerror());
	}
	h = open_guest("./good.so");
	unlink("good.so");
	CHECK(!dlreload(h));
	puts(dlerror());
	close_guest(h);
	CHECK(!dlreload(h));
	puts(strchr(dlerror(), ':'));
	CHECK(goaudit_reclaim(&h, 0) == -1);
	puts(strchr(dlerror(), ':'));
	CHECK(goaudit_runtime_stats(&(struct goaudit_runtime){ 0 }, sizeof(struct goaudit_runtime), 0) == -1);
	puts(dlerror());
	return 0;
}
C
seen() { run_audited ./host | sed "s|$PWD|DIR|"; }
expect_output seen <<'E'
DIR/short.so: truncated: section headers end past the file: rebuild it for this machine, or copy it again
DIR/empty.so: the file is empty: build it again
./none.so: cannot open shared object file: No such file or directory
DIR/good.so: cannot be read: No such file or directory: the old generation goes on
: not an open handle of a reloadable object: open it with RTLD_RELOADABLE first
: not a handle of a reloadable object: pass one that dlopen returned
goaudit_runtime_stats: no Go runtime runs in this process: open a guest first
E

# Each text in the sources has the shape.
perl -0777 -ne 'while (/tool_error\(((?:"(?:[^"\\]|\\.)*"\s*)+)/g) {
	my $t = $1; $t =~ s/"\s*"//g; print "$t\n" if $t !~ /: / && $t !~ /out of memory/ }' \
	"$ROOT"/audit/tool/*.c "$ROOT"/audit/tool/*/*.c >shapeless
[ ! -s shapeless ] || fail "not of the form subject: reason: what to do: $(cat shapeless)"
