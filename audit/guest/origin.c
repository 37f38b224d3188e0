#include "guest/origin.h"

#include <stdlib.h>
#include <string.h>

#include "core/path.h"
#include "api/goaudit.h"

#define EXPANDED_MAX (2 * PATH_MAX)

/* Replaces $ORIGIN.  Returns a malloc'ed text, NULL if there is none, or no
 * memory: ld.so's own reading is tried then. */
static char *expand(const char *from, const char *origin)
{
	char *to;

	if (!strchr(from, '$') || !(to = malloc(EXPANDED_MAX)))
		return NULL;
	if (path_expand(to, EXPANDED_MAX, from, strlen(from), origin, strlen(origin)) &&
	    strcmp(to, from) != 0)
		return to;
	free(to);
	return NULL;
}

void origin_settle(struct goaudit *ga, const struct link_map *map)
{
	uintptr_t strings = ldso_dynamic_address(map, DT_STRTAB);
	struct generation *gen;
	unsigned n = 0;

	if (!snapshot_is_ours(ga, map->l_name) || !strings)
		return;
	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, map->l_name);
	for (ElfW(Dyn) *d = map->l_ld; gen && d->d_tag != DT_NULL; d++) {
		char *to;

		if ((d->d_tag != DT_RUNPATH && d->d_tag != DT_RPATH &&
		     d->d_tag != DT_NEEDED) || n == GENERATION_EXPANDED)
			continue;
		to = expand((char *)strings + d->d_un.d_val, gen->origin);
		if (!to)
			continue;
		gen->expanded[n++] = to;
		/* ld.so adds the value to the string table's address when it
		 * needs the text (elf/dl-load.c, decompose_rpath; elf/dl-deps.c). */
		d->d_un.d_val = (uintptr_t)to - strings;
	}
	pthread_mutex_unlock(&ga->lock);
}

const char *origin_runtime(struct goaudit *ga, const struct link_map *requester,
			   const char *name)
{
	struct generation *gen;
	bool go;

	/* The one Go runtime, wherever the guest thinks that it is. */
	if (!ga->gort.map || !requester || !requester->l_name ||
	    strcmp(name, strrchr(ga->gort.path, '/') + 1) != 0 ||
	    !snapshot_is_ours(ga, requester->l_name))
		return NULL;
	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, requester->l_name);
	go = gen && gen->info->is_go;
	pthread_mutex_unlock(&ga->lock);
	return go ? ga->gort.path : NULL;
}
