#include "core/core.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arch.h"
#include "goaudit.h"

/* dl_iterate_phdr: sees the auditor's own namespace. */
static int is_ours(struct dl_phdr_info *info, size_t size, void *path)
{
	uintptr_t at = (uintptr_t)is_ours - info->dlpi_addr;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    at - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_memsz)
			return realpath(info->dlpi_name, path) != NULL;
	return 0;
}

/* The companions lie beside the module in the build folder, and in a folder
 * of their own, goaudit/ beside it, where it is installed.  Symbolic links (of
 * the soname) are followed; a relative LD_AUDIT is relative to where the process
 * started. */
void core_find_home(struct core *core)
{
	char path[PATH_MAX] = "", companion[sizeof core->home + 32], *slash;

	if (!dl_iterate_phdr(is_ours, path))
		return;
	slash = strrchr(path, '/');
	*slash = 0;
	snprintf(core->home, sizeof core->home, "%.480s/goaudit", path);
	snprintf(companion, sizeof companion, "%s/libgoaudit-entries.so", core->home);
	if (access(companion, R_OK) != 0)
		snprintf(core->home, sizeof core->home, "%.480s", path);
}

void *error_place(struct core *core, size_t size, bool make)
{
	struct errors *e = &core->errors;
	const void *self = arch_thread_pointer();
	struct error_place *p;

	pthread_mutex_lock(&e->lock);
	for (p = e->places; p && p->thread != self;)
		p = p->next;
	if (!p && make && (p = calloc(1, sizeof *p + size))) {
		p->thread = self;
		p->tid = gettid();
		p->next = e->places;
		e->places = p;
	} else if (p && p->tid != gettid()) {
		memset(p->bytes, 0, size);
		p->tid = gettid();
	}
	pthread_mutex_unlock(&e->lock);
	return p ? p->bytes : NULL;
}
