#!/bin/bash
# The files: a private folder or none; removed at the end, kept if asked; what crashed
# processes leave stays for the last four; a core dump shows names and code; a full
# file system gives an error.
. "$(dirname "$0")/dlbind.sh"

dl_host host -Wextra <<'C'
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dlbind.h"
int main(int argc, char **argv)
{
	static const char crash[] = { 0x31, 0xc0, 0x8b, 0x00, 0xc3 };	/* mov (0), %eax */
	void *l = dlcreate("files.so"), *f;
	size_t n = 0;
	int *d;

	if (!l) {
		printf("%d: %s\n", errno, dlbind_error());
		return 1;
	}
	if (argc > 1 && strcmp(argv[1], "kill") == 0)
		raise(SIGKILL);
	f = dlalloc(l, sizeof crash, SHF_EXECINSTR);
	memcpy(f, crash, sizeof crash);
	dlbind(l, "crashing", f, sizeof crash, STT_FUNC);
	d = dlalloc(l, sizeof *d, SHF_WRITE);
	*d = 4711;
	dlbind(l, "made_data", d, sizeof *d, STT_OBJECT);
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		((void (*)(void))f)();
	if (argc > 1 && strcmp(argv[1], "fill") == 0) {
		char name[30], *last = NULL, *p;

		while ((p = dlalloc(l, 100000, SHF_EXECINSTR))) {
			memset(p, 1, 100000);
			if (dlseal(l, p) != 0)
				break;
			last = p;
			n++;
		}
		printf("%d: %s\n", errno == ENOSPC, n > 3 ? "some blocks" : "few");
		for (n = 0; sprintf(name, "name_%zu", n), dlbind(l, name, last, 1, STT_FUNC); n++)
			if (dlsym(l, name) != last)
				return 1;
		printf("%d: %s\n", errno == ENOSPC, n > 30 ? "some names" : "few");
		printf("%d\n", last[99999]);
		while (n > 0)
			if (sprintf(name, "name_%zu", --n), dlunbind(l, name) != 0)
				return 2;
		dlfree(l, last);
		printf("%d\n", dlalloc(l, 100000, SHF_EXECINSTR) != NULL);
		return dldelete(l) != 0;
	}
	return 0;
}
C
expect_output ./host </dev/null
expect_no_files

refused() { # FOLDER REASON
	DLBIND_FOLDER=$1 ./host >out.txt && fail "$1: accepted"
	grep -q "$2" out.txt || fail "$1: $(cat out.txt)"
}
mkdir -m 755 open
refused "$PWD/open" 'no folder that only this user can enter'
ln -s "$DLBIND_FOLDER" link
refused "$PWD/link" 'no folder that only this user can enter'
refused relative 'no folder'
refused /nonexistent/folder 'no folder'

for _ in 1 2 3 4 5 6; do ./host kill 2>/dev/null || true; done
./host
[ "$(find "$DLBIND_FOLDER" -name 'files.so.*' | wc -l)" = 4 ] ||
	fail "not four are left: $(find "$DLBIND_FOLDER")"
rm -rf "$DLBIND_FOLDER"
DLBIND_KEEP=1 ./host
for _ in 1 2 3 4 5 6; do ./host kill 2>/dev/null || true; done
./host
[ "$(find "$DLBIND_FOLDER" -name 'files.so.*' | wc -l)" = 5 ] || fail "the kept one is gone"
rm -rf "$DLBIND_FOLDER"

# gdb writes the core as the kernel would, wherever core_pattern leads.
if command -v gdb >/dev/null; then
	gdb -nx -q -batch -ex 'set startup-with-shell off' -ex 'run crash' \
		-ex "generate-core-file core" -ex kill ./host >gdb.txt 2>&1
	gdb -nx -q -batch -ex bt -ex 'x/2i $pc' \
		-ex 'print *(int *)&made_data' ./host core >core.txt 2>&1
	[ "$(stat -c %s core)" -lt 50000000 ] || fail "the core has $(stat -c %s core) bytes"
	grep -q '= 4711' core.txt || fail "data of the core: $(cat core.txt)"
	grep -q '^#0 .* in crashing ()' core.txt || fail "bt of the core: $(cat core.txt)"
	grep -q '^#1 .* main ' core.txt || fail "bt of the core: $(cat core.txt)"
	grep -q 'crashing+2>.*mov  *(%rax),%eax' core.txt || fail "code of the core: $(cat core.txt)"
	rm -rf "$DLBIND_FOLDER"
fi

mkdir -m 700 small
if mount -t tmpfs -o size=2m,mode=700 none small 2>/dev/null; then
	umount_small() { umount "$TEST_DIR/small" 2>/dev/null || true; }
	trap 'umount_small; cleanup' EXIT
	DLBIND_FOLDER=$PWD/small expect_output ./host fill <<'E'
1: some blocks
1: some names
1
1
E
	umount_small
	mount -t tmpfs -o size=2m,mode=700,noexec none small
	refused "$PWD/small" 'map code from'
else
	echo "not root: a full file system was not tried"
fi
