#!/bin/bash
# Objects that are loaded later are bound to what a made library has: through the
# global scope, lazily and at once; and through its soname, by version, also to what an
# IFUNC resolves to.  A version that it does not have is refused by ld.so.  A library
# that another object needs is not deleted.
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
echo 'V_1 { *; }; V_2 { } V_1;' >versions
echo 'V_3 { *; };' >version3
for v in "versions 12" "version3 3"; do
	cc_so stub${v#* }.so -Wl,-soname,made-versions.so -Wl,--version-script=${v% *} <<<'
		int chosen(void) { return -1; }
		int versioned(void) { return -1; }'
	cc_so versioned${v#* }.so ./stub${v#* }.so <<<'
		int chosen(void), versioned(void);
		int use(void) { return 10 * versioned() + chosen(); }'
done
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
/* A function of the name in two versions, and an IFUNC. */
static void use_versions(void)
{
	static const char *const versions[] = { "V_1", "V_2", NULL };
	static const char one[] = { 0xb8, 1, 0, 0, 0, 0xc3 }, two[] = { 0xb8, 2, 0, 0, 0, 0xc3 };
	struct dlbind_options o = { .size = sizeof o, .versions = versions };
	struct dlbind_symbol s = { .struct_size = sizeof s, .size = 6, .type = STT_FUNC };
	void *l = dlcreate_with_options("made-versions.so", &o), *user;
	unsigned char resolver[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3 };

	s.object = function(l, "one", one, sizeof one);
	memcpy(resolver + 2, &s.object, 8);
	s.name = "versioned", s.version = "V_1", s.hidden = 1;
	CHECK(dlbind_symbol(l, &s) == l);
	s.object = function(l, "two", two, sizeof two);
	s.version = "V_2", s.hidden = 0;
	CHECK(dlbind_symbol(l, &s) == l);
	s.object = dlalloc(l, sizeof resolver, SHF_EXECINSTR);
	memcpy(s.object, resolver, sizeof resolver);
	s.name = "chosen", s.version = "V_1", s.size = sizeof resolver, s.type = STT_GNU_IFUNC;
	CHECK(dlbind_symbol(l, &s) == l);
	user = dlopen("./versioned12.so", RTLD_NOW);
	CHECK(user);
	printf("by version, and an IFUNC: %d\n", ((int (*)(void))dlsym(user, "use"))());
	CHECK(dlclose(user) == 0);
	CHECK(!dlopen("./versioned3.so", RTLD_NOW));
	puts(strstr(dlerror(), "version `"));
	CHECK(dldelete(l) == 0);
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
	use_versions();
	return 0;
}
C
expect_output ./host <<'E'
lazily: 41
data: 42
needed: 5
deleted
by version, and an IFUNC: 11
version `V_3' not found (required by ./versioned3.so)
E
expect_no_files
