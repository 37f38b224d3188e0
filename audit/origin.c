#include "origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

static bool exists_in(const char *folders, const char *origin, const char *name,
		      char *out, size_t size)
{
	while (*folders) {
		size_t n = strcspn(folders, ":;");
		size_t k = strncmp(folders, "$ORIGIN", 7) == 0 ? 7 :
			   strncmp(folders, "${ORIGIN}", 9) == 0 ? 9 : 0;

		snprintf(out, size, "%s%.*s/%s", k ? origin : "", (int)(n - k),
			 folders + k, name);
		if (n && access(out, R_OK) == 0)
			return true;
		folders += n + (folders[n] != 0);
	}
	return false;
}

const char *origin_search(struct goaudit *ga, const struct link_map *requester,
			  const char *name, char *out, size_t size)
{
	const char *library_path =
		ga->settings.secure ? NULL : getenv("LD_LIBRARY_PATH");
	char origin[PATH_MAX], runpath[1024];
	struct generation *gen;
	bool go;

	if (!requester || !requester->l_name || strchr(name, '/') ||
	    !snapshot_is_ours(ga, requester->l_name))
		return NULL;
	pthread_mutex_lock(&ga->lock);
	gen = registry_find_snapshot(ga, requester->l_name);
	if (gen) {
		memcpy(origin, gen->origin, sizeof origin);
		memcpy(runpath, gen->runpath, sizeof runpath);
		go = gen->info->is_go;
	}
	pthread_mutex_unlock(&ga->lock);
	if (!gen)
		return NULL;
	/* The one Go runtime, wherever the guest thinks that it is. */
	if (go && ga->gort.map && strcmp(name, strrchr(ga->gort.path, '/') + 1) == 0) {
		snprintf(out, size, "%s", ga->gort.path);
		return out;
	}
	/* Without $ORIGIN ld.so's own search is right. With it, the order is
	 * ld.so's: LD_LIBRARY_PATH comes before RUNPATH. */
	if (!strstr(runpath, "$ORIGIN") && !strstr(runpath, "${ORIGIN}"))
		return NULL;
	if (library_path && exists_in(library_path, origin, name, out, size))
		return out;
	return exists_in(runpath, origin, name, out, size) ? out : NULL;
}
