#include "guest/origin.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/path.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"
#include "loader/folder.h"

#define EXPANDED_MAX (2 * PATH_MAX)

/* Replaces $ORIGIN.  Returns a malloc'ed text, NULL if there is none, or no
 * memory: ld.so's own reading is tried then. */
static char *expand(const char *from, const char *file, size_t origin)
{
	char *to;

	if (!strchr(from, '$') || !(to = malloc(EXPANDED_MAX)))
		return NULL;
	if (path_expand(to, EXPANDED_MAX, from, strlen(from), file, origin) &&
	    strcmp(to, from) != 0)
		return to;
	free(to);
	return NULL;
}

void origin_rewrite(struct guests *gs, const struct link_map *map)
{
	uintptr_t strings = elf_dynamic_address(map, DT_STRTAB);
	struct generation *gen;
	unsigned n = 0;

	if (!folder_has(gs->loader, map->l_name) || !strings)
		return;
	pthread_mutex_lock(&gs->core->lock);
	gen = registry_find_snapshot_locked(gs, map->l_name);
	for (ElfW(Dyn) *d = map->l_ld; gen && d->d_tag != DT_NULL; d++) {
		char *to;

		if ((d->d_tag != DT_RUNPATH && d->d_tag != DT_RPATH && d->d_tag != DT_NEEDED) ||
		    n == GENERATION_EXPANDED)
			continue;
		to = expand((char *)strings + d->d_un.d_val, gen->file, gen->origin);
		if (!to)
			continue;
		gen->expanded[n++] = to;
		/* ld.so adds the value to the string table's address when it
		 * needs the text (elf/dl-load.c, decompose_rpath; elf/dl-deps.c). */
		d->d_un.d_val = (uintptr_t)to - strings;
	}
	pthread_mutex_unlock(&gs->core->lock);
}
