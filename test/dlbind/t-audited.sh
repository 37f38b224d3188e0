#!/bin/bash
# Under the audit module: a library of dlcreate is nobody's guest; dlreload goes to
# libdlbind for its own handles and to the module for guests'; RTLD_RELOADABLE
# objects and made libraries live side by side; gdb follows both, and it is the module
# that takes a made library out of the link map for gdb and puts it back.
. "$(dirname "$0")/dlbind.sh"

cc_so one.so <<<'int value(void) { return 1; }'
cc_so two.so <<<'int value(void) { return 2; }'
cp one.so guest.so
dl_host host -Wextra <<'C'
#include <errno.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dlbind.h"
#include "goaudit.h"
#define CHECK(c) ((c) ? (void)0 : (printf("line %d: %s: %s\n", __LINE__, #c, dlbind_error()), exit(1)))
static int call(void *library, const char *name)
{
	int (*f)(void) = (int (*)(void))dlsym(library, name);
	CHECK(f);
	return f();
}
int main(int argc, char **argv)
{
	int audited = argc > 1;
	static const char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	void *l = dlcreate("made.so"), *f, *guest = NULL, *next;
	char name[30];
	int other;

	CHECK(l);
	f = dlalloc(l, sizeof code, SHF_EXECINSTR);
	memcpy(f, code, sizeof code);
	CHECK(dlbind(l, "answer", f, sizeof code, STT_FUNC) == l);
	CHECK(call(l, "answer") == 42);
	dlbind_begin(l);
	for (int i = 0; i < 3000; i++) {	/* grows, and needs grace periods */
		sprintf(name, "name_%d", i);
		CHECK(dlbind(l, name, f, sizeof code, STT_FUNC));
		CHECK(dlsym(l, name) == f);
	}
	for (int i = 0; i < 3000; i++) {
		sprintf(name, "name_%d", i);
		CHECK(dlunbind(l, name) == 0);
	}
	CHECK(dlbind_commit(l) == 0);
	CHECK(dlreload(l) == l);
	if (audited) {
		CHECK(goaudit_generations(NULL, 0, 0) == 0);
		guest = dlopen("./guest.so", RTLD_NOW | RTLD_RELOADABLE);
		CHECK(guest && call(guest, "value") == 1);
		CHECK(unlink("guest.so") == 0 && link("two.so", "guest.so") == 0);
		next = dlreload(guest);
		CHECK(next && call(next, "value") == 2);
		CHECK(!dlreload(&other) && dlerror());
		CHECK(dlclose(next) == 0);
	} else {
		CHECK(!dlreload(&other) && errno == EINVAL && dlbind_error());
	}
	CHECK(dlreload(l) == l && call(l, "answer") == 42);
	CHECK(dldelete(l) == 0);
	puts("good");
	return 0;
}
C
relistings() { grep -c "made.so.*: debuggers read it again" log.txt || true; }
export GOAUDIT_LOG=$PWD/log.txt
expect_output ./host <<'E'
good
E
expect_output run_audited ./host audited <<'E'
good
E
[ "$(relistings)" = 0 ] || fail "without a debugger: $(cat log.txt)"
if command -v gdb >/dev/null; then
	rm guest.so
	cp one.so guest.so
	cat >commands <<G
set confirm off
set breakpoint pending on
set startup-with-shell off
set debuginfod enabled off
set environment LD_AUDIT $AUDIT
break answer
commands
silent
bt -frame-info location
continue
end
run audited
G
	expect_output sh -c 'gdb -nx -q -batch -x commands ./host 2>&1 | sed -n "
		s/0x[0-9a-f]* in //; /^#/s/ (.*//; s/process [0-9]*/x/; /^#/p; /^good/p; /exited/p"' <<'E'
#0  answer
#1  call
#2  main
#0  answer
#1  call
#2  main
good
[Inferior 1 (x) exited normally]
E
	# each bind outside of the batch, the batch, two dlreloads
	[ "$(relistings)" = 4 ] || fail "$(relistings) times: $(cat log.txt)"
fi
expect_no_snapshots
expect_no_files
