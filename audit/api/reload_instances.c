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
	open = guest->serving && guest->serving->info->references;
	pthread_mutex_unlock(&ga->core.lock);
	return open;
}

int reload_instances(struct goaudit *ga, const char *path,
		     const struct goaudit_reload_options *options)
{
	char *name = open_name(path);
	size_t n = 0;
	struct guest **all = name ? keep_all(ga, name, &n) : NULL;
	int moved = 0;
	bool good = all;

	if (!all)
		error_set(&ga->core, "%s: %m: name the file that the instances were opened by",
			  path);
	for (size_t i = n; i-- > 0;) {
		/* It may have been closed meanwhile. */
		if (good && is_open(ga, all[i])) {
			good = reload_reload(&ga->reloads, &all[i]->handle, options);
			moved += good;
		}
		registry_release(&ga->guests, all[i]);
	}
	free(all);
	free(name);
	return good ? moved : -1;
}
