#!/bin/bash
# Objects that are loaded later are bound to what a made library has: through the
# global scope, lazily and at once; and through its soname.  A library that another
# object needs is not deleted.
. "$(dirname "$0")/dlbind.sh"

cc_so global.so -Wl,-z,lazy <<'C'
extern int made_number;
int made_function(int);
int use(int x) { return made_function(x) + made_number; }
C
cc_so stub.so -Wl,-soname,made-needed.so <<<'int needed_function(void) { return -1; }'
cc_so needing.so ./stub.so <<'C'
int needed_function(void);
int use(void) { return needed_function(); }
C
dl_host host -Wextra <<'C'
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dlbind.h"
#define CHECK(c) ((c) ? (void)0 : (printf("line %d: %s: %s %s\n", __LINE__, #c, dlbind_error(), dlerror()), exit(1)))
static void *function(void *l, const char *name, const char *code, size_t size)
{
	void *at = dlalloc(l, size, SHF_EXECINSTR);
	CHECK(at);
	memcpy(at, code, size);
	CHECK(dlbind(l, name, at, size, STT_FUNC) == l);
	return at;
}
int main(void)
{
	static const char twice[] = { 0x8d, 0x04, 0x3f, 0xc3 };	/* lea (%rdi,%rdi), %eax */
	static const char five[] = { 0xb8, 5, 0, 0, 0, 0xc3 };
	struct dlbind_options o = { .size = sizeof o, .flags = DLBIND_GLOBAL };
	void *l = dlcreate("made-local.so"), *user, *needed;
	int *number;

	function(l, "made_function", twice, sizeof twice);
	CHECK(!dlopen("./global.so", RTLD_NOW));	/* it is not in the scope */
	CHECK(dldelete(l) == 0);
	l = dlcreate_with_options("made-global.so", &o);
	number = dlalloc(l, 4, SHF_WRITE);
	*number = 1;
	CHECK(dlbind(l, "made_number", number, 4, STT_OBJECT) == l);
	CHECK(!dlopen("./global.so", RTLD_NOW));	/* made_function is not there */
	user = dlopen("./global.so", RTLD_LAZY);
	CHECK(user);
	function(l, "made_function", twice, sizeof twice);
	printf("lazily: %d\n", ((int (*)(int))dlsym(user, "use"))(20));
	*number = 2;
	printf("data: %d\n", ((int (*)(int))dlsym(user, "use"))(20));

	needed = dlcreate("made-needed.so");
	function(needed, "needed_function", five, sizeof five);
	user = dlopen("./needing.so", RTLD_NOW);
	CHECK(user);
	printf("needed: %d\n", ((int (*)(void))dlsym(user, "use"))());
	CHECK(dldelete(needed) == -1 && errno == EBUSY);
	CHECK(((int (*)(void))dlsym(needed, "needed_function"))() == 5);
	CHECK(dlclose(user) == 0);
	CHECK(dldelete(needed) == 0);
	puts("deleted");
	return 0;
}
C
expect_output ./host <<'E'
lazily: 41
data: 42
needed: 5
deleted
E
expect_no_files
