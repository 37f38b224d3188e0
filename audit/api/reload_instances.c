#include "api/reload_instances.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "api/goaudit.h"
#include "api/open.h"
#include "core/core.h"
#include "core/error.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/registry.h"
#include "reload/reload.h"

/* All of a name, which are kept; *n of them, newest first.  NULL: out of memory. */
static struct guest **keep_all(struct goaudit *ga, const char *name, size_t *n)
{
	const struct instances *all;
	struct guest **kept = NULL;
	struct guest *g;
	size_t room = 1;

	*n = 0;
	pthread_mutex_lock(&ga->core.lock);
	all = instances_find_locked(&ga->guests, name);
	for (g = all ? all->first : NULL; g; g = g->next_instance)
		room++;
	kept = malloc(room * sizeof(struct guest *));
	for (g = kept && all ? all->first : NULL; g; g = g->next_instance) {
		registry_keep_locked(&ga->guests, g);
		kept[(*n)++] = g;
	}
	pthread_mutex_unlock(&ga->core.lock);
	return kept;
}

static bool is_open(struct goaudit *ga, const struct guest *guest)
{
	bool open;

	pthread_mutex_lock(&ga->core.lock);
	open = guest_is_open_locked(guest);
	pthread_mutex_unlock(&ga->core.lock);
	return open;
}

/* Oldest first, as one after another. */
static int together(struct goaudit *ga, struct guest **all, size_t n,
		    const struct goaudit_reload_options *options)
{
	void **handles = malloc((n + 1) * sizeof *handles);
	unsigned open = 0;
	int moved = -1;

	if (!handles)
		error_set(&ga->core, "%zu instances: out of memory: close some guests", n);
	for (size_t i = n; handles && i-- > 0;)
		if (is_open(ga, all[i]))
			handles[open++] = &all[i]->handle;
	if (handles)
		moved = reload_together(&ga->reloads, handles, open, options);
	free(handles);
	return moved;
}

int reload_instances(struct goaudit *ga, const char *path,
		     const struct goaudit_reload_options *options)
{
	char *name = open_name(path);
	size_t n = 0;
	struct guest **all = name ? keep_all(ga, name, &n) : NULL;
	int moved = 0;
	bool good = all;
	bool at_once = options &&
		       options->size > offsetof(struct goaudit_reload_options, flags) &&
		       (options->flags & GOAUDIT_RELOAD_TOGETHER);

	if (!all)
		error_set(&ga->core, "%s: %m: name the file that the instances were opened by",
			  path);
	if (good && at_once) {
		moved = together(ga, all, n, options);
		good = moved >= 0;
	}
	for (size_t i = n; i-- > 0;) {
		/* It may have been closed meanwhile. */
		if (good && !at_once && is_open(ga, all[i])) {
			good = reload_reload(&ga->reloads, &all[i]->handle, options);
			moved += good;
		}
		registry_release(&ga->guests, all[i]);
	}
	free(all);
	free(name);
	return good ? moved : -1;
}
