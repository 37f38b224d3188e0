#include "loader/real.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/arch.h"
#include "core/path.h"
#include "goaudit.h"
#include "loader/elf.h"
#include "loader/loader.h"

__typeof__(dlopen) *real_dlopen;
__typeof__(dlmopen) *real_dlmopen;
__typeof__(dlclose) *real_dlclose;
__typeof__(dlsym) *real_dlsym;
__typeof__(dlvsym) *real_dlvsym;
__typeof__(dlerror) *real_dlerror;
__typeof__(dladdr) *real_dladdr;
__typeof__(dladdr1) *real_dladdr1;
__typeof__(dlinfo) *real_dlinfo;
__typeof__(pthread_create) *real_pthread_create;
__typeof__(pthread_key_create) *real_pthread_key_create;
__typeof__(pthread_key_delete) *real_pthread_key_delete;
__typeof__(pthread_setspecific) *real_pthread_setspecific;
__typeof__(on_exit) *real_on_exit;
real_atexit_function *real_cxa_atexit;
real_thread_atexit_function *real_thread_atexit;

static const struct real_function {
	const char *name;
	void **function;
} functions[] = {
#define REAL(name)                           \
	{                                    \
#name, (void **)&real_##name \
	}
	REAL(dlopen),
	REAL(dlmopen),
	REAL(dlclose),
	REAL(dlsym),
	REAL(dlvsym),
	REAL(dlerror),
	REAL(dladdr),
	REAL(dladdr1),
	REAL(dlinfo),
	REAL(pthread_create),
	REAL(pthread_key_create),
	REAL(pthread_key_delete),
	REAL(pthread_setspecific),
	REAL(on_exit),
	{ "__cxa_atexit", (void **)&real_cxa_atexit },
	{ "__cxa_thread_atexit_impl", (void **)&real_thread_atexit },
};

bool real_is_libc(const struct link_map *map)
{
	return map->l_name && strcmp(path_base(map->l_name), "libc.so.6") == 0;
}

const void *real_ret_in_caller(struct loader *ld, const void *caller)
{
	struct link_map *map = elf_object_at(caller);
	const void *ret = map ? elf_find_ret(map) : NULL;

	return ret ? ret : ld->base_ret;
}

void *real_dlopen_as(struct loader *ld, const char *file, int mode, const void *caller)
{
	return (void *)arch_call_as((void *)real_dlopen, file, mode, 0,
				    real_ret_in_caller(ld, caller));
}
void real_find(struct loader *ld)
{
	for (struct link_map *map = ld->head; map; map = map->l_next) {
		if (!real_is_libc(map))
			continue;
		for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
			if (!*functions[i].function)
				*functions[i].function = elf_lookup(map, functions[i].name);
	}
}

void real_forget_error(void)
{
	if (real_dlerror)
		real_dlerror();
}
