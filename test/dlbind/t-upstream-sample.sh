#!/bin/bash
# Programs written for the interface as the first libdlbind documented it: they
# compile without a change, and now they work.
. "$(dirname "$0")/dlbind.sh"

# Its simplest use: one address, written and then bound.
dl_host simple -Wextra -Werror <<'C'
#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "dlbind.h"
int main(void)
{
	static const char answer[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	void *l = dlcreate("foo");
	char *code = dlalloc(l, sizeof answer, SHF_EXECINSTR);
	void *reloaded;
	int (*f)(void);

	assert(code);
	memcpy(code, answer, sizeof answer);
	reloaded = dlbind(l, "meaning", code, sizeof answer, STT_FUNC);
	assert(reloaded == l);
	f = (int (*)(void))dlsym(reloaded, "meaning");
	assert(f);
	printf("a function of the library returned: %d\n", f());
	assert(!dlalloc(l, 10, SHF_WRITE | SHF_EXECINSTR));
	assert(dldelete(l) == 0);
	return 0;
}
C
expect_output ./simple <<'E'
a function of the library returned: 42
E

# Without a name; data; code that the client makes writable again itself, and that
# survives a reload.
dl_host again -Wextra -Werror <<'C'
#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "dlbind.h"
static void protect(void *p, int protection)
{
	assert(mprotect((void *)((uintptr_t)p & -4096ul), 4096, protection) == 0);
}
static void *map(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	puts("mapped");
	return mmap(at, size, protection, flags, fd, offset);
}
int main(void)
{
	static const char f42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	static const char f43[] = { 0xb8, 43, 0, 0, 0, 0xc3 };
	struct link_map *handle = dlcreate(NULL);
	int *number = dlalloc(handle, sizeof *number, SHF_WRITE);
	int (*f)(void);

	handle = dlbind(handle, "number", number, sizeof *number, STT_OBJECT);
	assert(dlsym(handle, "number") == number);
	*number = 69105;
	f = (int (*)(void))dlalloc(handle, sizeof f42, SHF_EXECINSTR);
	protect(f, PROT_READ | PROT_WRITE);
	memcpy(f, f42, sizeof f42);
	handle = dlbind(handle, "f", f, sizeof f42, STT_FUNC);
	assert(dlsym(handle, "f") == f);
	protect(f, PROT_READ | PROT_EXEC);
	assert(f() == 42 && *number == 69105);
	protect(f, PROT_READ | PROT_WRITE);
	memcpy(f, f43, sizeof f43);
	protect(f, PROT_READ | PROT_EXEC);
	handle = dlreload(handle);
	assert(f() == 43 && *number == 69105);
	assert(dldelete(handle) == 0);
	handle = dlcreate_with_mmap("mapped", map);
	assert(handle && dlinfo(handle, RTLD_DI_LINKMAP, &handle) == 0);
	assert(dldelete(handle) == 0);
	puts("good");
	return 0;
}
C
expect_output ./again <<'E'
mapped
good
E
# The same under a debugger, whose notices make the library read its own code.
if command -v gdb >/dev/null; then
	expect_output sh -c 'gdb -nx -q -batch -ex "set startup-with-shell off" \
		-ex "break *f" -ex run ./again 2>&1 | sed -n "/good/p; /exited/s/process [0-9]*/x/p"' <<'E'
good
[Inferior 1 (x) exited normally]
E
fi
expect_no_files
