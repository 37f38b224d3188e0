#!/bin/bash
# lldb: a breakpoint on a name that is not bound yet is hit once it is, with or without
# the audit module; the frames have their names; a name that is bound anew elsewhere is
# found there; and a core dump has names and data.
. "$(dirname "$0")/dlbind.sh"

command -v lldb >/dev/null || skip "no lldb"

dl_host host -Wextra <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dlbind.h"
#define CHECK(c) ((c) ? (void)0 : (printf("line %d: %s: %s\n", __LINE__, #c, dlbind_error()), exit(1)))
static void *l;
static void function(const char *name, char number)
{
	char code[] = { 0xb8, number, 0, 0, 0, 0xc3 };
	void *at = dlalloc(l, sizeof code, SHF_EXECINSTR);
	CHECK(at);
	memcpy(at, code, sizeof code);
	CHECK(dlbind(l, name, at, sizeof code, STT_FUNC) == l);
}
static void caller(const char *name)
{
	printf("host: %s %d\n", name, ((int (*)(void))dlsym(l, name))());
	fflush(stdout);
}
int main(void)
{
	int *d;
	l = dlcreate("made.so");
	d = dlalloc(l, sizeof *d, SHF_WRITE);
	*d = 4711;
	CHECK(dlbind(l, "made_data", d, sizeof *d, STT_OBJECT) == l);
	function("first", 1);
	caller("first");
	dlbind_begin(l);
	function("second", 2);
	for (int i = 0; i < 100; i++) {
		char name[20];
		sprintf(name, "more_%d", i);
		function(name, i);
	}
	dlbind_commit(l);
	caller("second");
	CHECK(dlunbind(l, "first") == 0);
	function("first", 3);
	caller("first");
	return dldelete(l) != 0;
}
C
# What lldb says, in short.
short() {
	sed -n 's/^ .*frame #\([0-9]*\): 0x[0-9a-f]* \(made.so\|host\)[^`]*`\([a-z]*\).*/#\1 \3 in \2/p
		s/.*exited with status = \([0-9]*\).*/exited \1/p; s/^(int) \$[0-9]* = /made_data = /p
		/_start$/d' "$1" | uniq
}
# With files for the host's streams lldb needs no pseudo-terminal.
live() { # lldb option...
	lldb --batch -Q -o "settings set target.input-path /dev/null" \
		-o "settings set target.output-path $PWD/host.txt" \
		-o "settings set target.error-path $PWD/host.txt" \
		-o "breakpoint set -n first -n second" "$@" -o "thread backtrace -c 3" \
		-o "expression *(int *)&made_data" -o continue -o "thread backtrace -c 3" \
		-o continue -o "thread backtrace -c 3" -o continue ./host >lldb.txt 2>&1 </dev/null || true
	short lldb.txt
	cat host.txt
}
stops() {
	for n in "first 1" "second 2" "first 3"; do
		printf '#0 %s in made.so\n#1 caller in host\n#2 main in host\n' "${n% *}"
		[ "$n" != "first 1" ] || echo "made_data = 4711"
	done
	echo "exited 0"
	printf 'host: %s\n' "first 1" "second 2" "first 3"
}
stops >stops.txt
expect_output live -o "process launch" <stops.txt
expect_output live -o "process launch -E LD_AUDIT=$AUDIT" <stops.txt

if command -v gdb >/dev/null; then
	gdb -nx -q -batch -ex 'set startup-with-shell off' -ex 'set breakpoint pending on' \
		-ex 'break second' -ex run -ex 'generate-core-file core' -ex kill ./host >gdb.txt 2>&1
	lldb --batch -Q -o "target create --core core ./host" -o "thread backtrace -c 3" \
		-o "expression *(int *)&made_data" >core.txt 2>&1 </dev/null || true
	expect_output short core.txt <<'E'
#0 second in made.so
#1 caller in host
#2 main in host
made_data = 4711
E
	rm -rf "$DLBIND_FOLDER"
fi
expect_no_files
