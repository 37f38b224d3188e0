#include "api/targets.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../dlbind/embed.h"
#include "adapter/adapter.h"
#include "adapter/languages.h"
#include "api/api.h"
#include "api/dlcalls.h"
#include "api/goaudit.h"
#include "core/cancel.h"
#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "loader/redirect.h"

/* The functions that are ours, by number: the name, what callers get, and the host's own
 * (NULL: the function exists only here). */
/* clang-format off */
#define TARGETS(T) \
	T(0, "dlopen", entry_dlopen, &real_dlopen) \
	T(1, "dlmopen", entry_dlmopen, &real_dlmopen) \
	T(2, "dlclose", entry_dlclose, &real_dlclose) \
	T(3, "dlsym", entry_dlsym, &real_dlsym) \
	T(4, "dlvsym", entry_dlvsym, &real_dlvsym) \
	T(5, "dlerror", api_dlerror, &real_dlerror) \
	T(6, "dladdr", api_dladdr, &real_dladdr) \
	T(7, "dladdr1", api_dladdr1, &real_dladdr1) \
	T(8, "dlinfo", api_dlinfo, &real_dlinfo) \
	T(9, "__cxa_thread_atexit_impl", api_thread_atexit, &real_thread_atexit) \
	T(10, "dlreload", dlreload, NULL) \
	T(11, "dlreload2", dlreload2, NULL) \
	T(12, "goaudit_reclaim", goaudit_reclaim, NULL) \
	T(13, "goaudit_watch", goaudit_watch, NULL) \
	T(14, "dlbind_relist", dlbind_relist, NULL) \
	T(15, "goaudit_last_panic", goaudit_last_panic, NULL) \
	T(16, "goaudit_generations", goaudit_generations, NULL) \
	T(17, "goaudit_runtime_stats", goaudit_runtime_stats, NULL) \
	T(18, "goaudit_open_instance", goaudit_open_instance, NULL) \
	T(19, "goaudit_instance_of", goaudit_instance_of, NULL) \
	T(20, "goaudit_context_of", goaudit_context_of, NULL) \
	T(21, "goaudit_reload_instances", goaudit_reload_instances, NULL) \
	T(22, "pthread_create", api_pthread_create, &real_pthread_create) \
	T(23, "pthread_key_create", api_pthread_key_create, &real_pthread_key_create) \
	T(24, "pthread_key_delete", api_pthread_key_delete, &real_pthread_key_delete) \
	T(25, "__cxa_atexit", api_cxa_atexit, &real_cxa_atexit) \
	T(26, "on_exit", api_on_exit, &real_on_exit)
/* From here on they are ours where a guest calls them. */
#define TARGETS_OF_GUESTS 25
/* clang-format on */

static void *resolve(unsigned number);

/* IRELATIVE resolvers take no argument, so each function has its own. */
#define RESOLVER(n, name, entry, real)  \
	static void *resolver_##n(void) \
	{                               \
		return resolve(n);      \
	}
TARGETS(RESOLVER)

#define TARGET(n, name, entry, real) \
	[n] = { { name, resolver_##n }, (void *)entry, (void **)real },
static const struct target targets[] = { TARGETS(TARGET) };

/* A number that two have is two resolvers of one name. */
#define ONE(n, name, entry, real) +1
_Static_assert(sizeof targets / sizeof *targets == 0 TARGETS(ONE), "a number is left out");

const struct target *targets_find(const char *name)
{
	if (!(name[0] == 'd' && name[1] == 'l') && !(name[0] == 'g' && name[1] == 'o') &&
	    !(name[0] == '_' && name[1] == '_' && name[2] == 'c') &&
	    !(name[0] == 'p' && name[1] == 't') && !(name[0] == 'o' && name[1] == 'n'))
		return NULL;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		if (strcmp(name, targets[i].redirection.name) == 0)
			return &targets[i];
	return NULL;
}

/* The definition that callers would be bound to: the first one in the link
 * map, which is the global scope's order. */
static void *first_definition(struct goaudit *ga, const char *name, bool *libc)
{
	for (struct link_map *map = ga->loader.head; map; map = map->l_next) {
		void *p = elf_lookup(map, name);

		if (p) {
			*libc = real_is_libc(map);
			return p;
		}
	}
	return NULL;
}

/* Runs inside ld.so, while it relocates an object. */
static void *resolve(unsigned number)
{
	struct goaudit *ga = &goaudit_module;
	const struct target *t = &targets[number];
	bool libc = false;
	void *p;
	CANCEL_OFF();

	p = first_definition(ga, t->redirection.name, &libc);
	if (p && !libc)
		return p; /* libdlbind's dlreload passes guests on to ours */
	if (!t->real)
		return t->entry;
	real_find(&ga->loader);
	return *t->real ? t->entry : NULL;
}

/* Whose references are turned. */
struct object {
	struct goaudit *ga;
	const struct generation *gen;   /* NULL: an object of the host's */
	const struct adapter *language; /* NULL: it has no names of its own */
};

static const struct redirection *find(void *arg, const char *name)
{
	const struct object *o = arg;
	const struct target *t = targets_find(name);

	if (t && (o->gen || t < targets + TARGETS_OF_GUESTS))
		return &t->redirection;
	return o->language ? o->language->redirect(&o->ga->adapters, o->gen, name) : NULL;
}

void targets_redirect(struct goaudit *ga, const struct link_map *map)
{
	struct object o = { .ga = ga };

	if (folder_has(&ga->loader, map->l_name)) {
		pthread_mutex_lock(&ga->core.lock);
		o.gen = registry_find_snapshot_locked(&ga->guests, map->l_name);
		pthread_mutex_unlock(&ga->core.lock);
	}
	o.language = languages_of_object(o.gen, map);
	/* A runtime library's calls of itself, too. */
	redirect_object(&ga->loader, map, find, &o, o.language && !o.gen);
}
