#include "guest/instances.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "guest/addresses.h"
#include "guest/guests.h"
#include "guest/index.h"
#include "guest/places.h"
#include "guest/registry.h"

struct instances *instances_find_locked(struct guests *gs, const char *name)
{
	uint64_t hash = index_hash_text(name);

	for (struct index_link *l = index_first(&gs->registry.instances, hash); l;
	     l = index_next(l)) {
		struct instances *all = INDEX_RECORD(l, struct instances, by_name);

		if (strcmp(all->name, name) == 0)
			return all;
	}
	return NULL;
}

static struct instances *find_or_make_locked(struct guests *gs, const char *name)
{
	struct instances *all = instances_find_locked(gs, name);

	if (all)
		return all;
	all = calloc(1, sizeof *all + strlen(name) + 1);
	if (!all)
		return NULL;
	strcpy(all->name, name);
	index_put(&gs->registry.instances, &all->by_name, index_hash_text(name));
	return all;
}

static void free_unused(struct guests *gs, struct instances *all)
{
	if (all->first)
		return;
	index_remove(&gs->registry.instances, &all->by_name);
	free(all);
}

struct guest *instances_add_locked(struct guests *gs, const char *path, const char *name,
				   void *context)
{
	struct instances *all = find_or_make_locked(gs, name);
	struct guest *g = all ? places_take(&gs->registry.places) : NULL;

	if (g) {
		g->instances = all;
		if (!registry_turn_locked(gs, g, path, name)) {
			registry_give_locked(gs, g);
			g = NULL;
		}
	}
	if (!g) {
		if (all)
			free_unused(gs, all);
		return NULL;
	}
	g->instance = ++all->last;
	g->context = context;
	g->next_instance = all->first;
	g->before_instance = &all->first;
	if (all->first)
		all->first->before_instance = &g->next_instance;
	all->first = g;
	registry_enlist_locked(gs, g);
	return g;
}

void instances_leave_locked(struct guests *gs, struct guest *guest)
{
	*guest->before_instance = guest->next_instance;
	if (guest->next_instance)
		guest->next_instance->before_instance = guest->before_instance;
	free_unused(gs, guest->instances);
}

unsigned instances_open(struct guests *gs, const struct guest *guest)
{
	unsigned n = 0;

	pthread_mutex_lock(&gs->core->lock);
	for (const struct guest *g = guest->instances->first; g; g = g->next_instance)
		n += g->serving != NULL;
	pthread_mutex_unlock(&gs->core->lock);
	return n;
}

bool instances_at(const struct guests *gs, uintptr_t address, void **handle, void **context)
{
	struct address_place place;

	if (!addresses_find(&gs->registry.addresses, address, &place))
		return false;
	*handle = place.handle;
	*context = place.context;
	return true;
}
