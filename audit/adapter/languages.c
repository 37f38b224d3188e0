#include "adapter/languages.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "adapter/adapter.h"
#include "adapter/adapters.h"
#include "adapter/d.h"
#include "adapter/go/go.h"
#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/folder.h"

static bool any_image(const struct image_facts *facts)
{
	(void)facts;
	return true;
}

/* Whatever ld.so alone can open and close. */
static const struct adapter c = { .language = "C", .recognises = any_image };

/* The first that recognises an image has it. */
static const struct adapter *const languages[] = { &go_adapter, &d_adapter, &c };

#define FOR_EACH(a)                                           \
	for (const struct adapter *const *at = languages, *a; \
	     at < languages + sizeof languages / sizeof *languages && (a = *at, 1); at++)

void languages_start(struct adapters *ad)
{
	FOR_EACH(a)
	if (a->start)
		a->start(ad);
}

const struct adapter *languages_find(const struct image_facts *facts)
{
	FOR_EACH(a)
	if (a->recognises(facts))
		return a;
	return &c;
}

void languages_take_locked(struct generation *gen, const struct image_facts *facts)
{
	gen->adapter = languages_find(facts);
	gen->reaped = gen->adapter->reaped;
}

bool languages_claim(struct adapters *ad, int fd)
{
	FOR_EACH(a)
	if (a->claims && a->claims(ad, fd))
		return true;
	return false;
}

bool languages_reaped(const struct adapters *ad)
{
	FOR_EACH(a)
	if (a->reaped && a->runs_here(ad))
		return true;
	return false;
}

/* The generation that an object is, if it is one. */
static struct generation *generation_of(struct adapters *ad, const struct link_map *map)
{
	struct generation *gen;

	if (!map || !map->l_name || !folder_has(ad->loader, map->l_name))
		return NULL;
	pthread_mutex_lock(&ad->core->lock);
	gen = registry_find_snapshot_locked(ad->guests, map->l_name);
	pthread_mutex_unlock(&ad->core->lock);
	return gen; /* it is being loaded: it stays */
}

void languages_mapped(struct adapters *ad, const struct link_map *map)
{
	struct generation *gen = generation_of(ad, map);

	if (gen && gen->adapter->mapped)
		gen->adapter->mapped(ad, gen, map);
	else if (!gen && languages_of_object(NULL, map))
		__atomic_store_n(&ad->runtimes, true, __ATOMIC_RELAXED);
}

const char *languages_search(struct adapters *ad, const struct link_map *requester,
			     const char *name)
{
	const struct generation *gen = generation_of(ad, requester);

	return gen && gen->adapter->search ? gen->adapter->search(ad, name) : NULL;
}

bool languages_asks_loader(struct adapters *ad, const void *caller)
{
	const struct link_map *map;

	if (!__atomic_load_n(&ad->runtimes, __ATOMIC_RELAXED) || !(map = elf_object_at(caller)))
		return false;
	FOR_EACH(a)
	if (a->is_runtime && a->is_runtime(map))
		return true;
	return false;
}

const struct adapter *languages_of_object(const struct generation *gen,
					  const struct link_map *map)
{
	if (gen)
		return gen->adapter->redirect ? gen->adapter : NULL;
	FOR_EACH(a)
	if (a->is_runtime && a->is_runtime(map))
		return a;
	return NULL;
}

int languages_stats(struct adapters *ad, struct goaudit_runtime *out, int collect)
{
	FOR_EACH(a)
	if (a->stats)
		return a->stats(ad, out, collect);
	return -1;
}

size_t languages_last_panic(struct adapters *ad, char *text, size_t size)
{
	FOR_EACH(a)
	if (a->last_panic)
		return a->last_panic(ad, text, size);
	return 0;
}

void languages_forked(struct adapters *ad)
{
	FOR_EACH(a)
	if (a->forked)
		a->forked(ad);
}
