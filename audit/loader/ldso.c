#include "loader/ldso.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../dlbind/linkmap.h"
#include "core/clock.h"
#include "goaudit.h"
#include "loader/identity.h"
#include "loader/loader.h"
#include "loader/tiny.h"

void ldso_init(struct loader *ld)
{
	struct ldso *so = &ld->ldso;

	so->ns = dlsym(RTLD_DEFAULT, "_rtld_global");
	so->debug = dlsym(RTLD_DEFAULT, "_r_debug");
}

/* Do count and chain follow an object that comes and goes?  *tried: there was one. */
static const char *check_count(struct loader *ld, bool *tried)
{
	const struct ldso *so = &ld->ldso;
	unsigned int before = so->ns->nloaded;
	const char *path = tiny_object(ld), *why;
	void *tiny = path ? dlmopen(LM_ID_BASE, path, RTLD_NOW) : NULL;

	*tried = tiny != NULL;
	if (!tiny) {
		why = path ? dlerror() : dlbind_error();
		return why ? why : "out of memory";
	}
	why = so->ns->nloaded == before + 1 ? linkmap_check(so->ns, so->debug) :
					      "_ns_nloaded did not follow a dlopen";
	if (!why)
		identity_learn(ld, tiny, path);
	dlclose(tiny);
	if (!why && so->ns->nloaded != before) {
		*tried = !linkmap_has(so->ns, tiny);
		why = *tried ? "_ns_nloaded did not follow a dlclose" :
			       "a dlclose is under way";
	}
	return why ? why : linkmap_check(so->ns, so->debug);
}

const char *ldso_validate(struct loader *ld)
{
	struct ldso *so = &ld->ldso;
	const char *why;
	bool tried = true;

	if (so->checked)
		return so->refusal[0] ? so->refusal : NULL;
	why = linkmap_check(so->ns, so->debug);
	if (!why)
		why = check_count(ld, &tried);
	so->checked = tried;
	so->refusal[0] = 0;
	if (why)
		snprintf(so->refusal, sizeof so->refusal, "%s", why);
	return why ? so->refusal : NULL;
}

bool ldso_lists(const struct loader *ld, const struct link_map *map, const char *name)
{
	return linkmap_has(ld->ldso.ns, map) && strcmp(map->l_name, name) == 0;
}

bool ldso_is_closing(struct loader *ld)
{
	const char *path = tiny_object(ld);
	struct link_map *tiny = path ? dlmopen(LM_ID_BASE, path, RTLD_NOW) : NULL;

	return tiny && dlclose(tiny) == 0 && linkmap_has(ld->ldso.ns, tiny);
}

/* Who changes the link map has it for a moment, who reads it for as long as his
 * function takes: that one must not hold up a fork, and does no harm in the child. */
#define WRITE_LOCK_WAIT_NS 500000000

/* glibc's fork makes the load lock and the one of the TLS tables anew in the child
 * (posix/fork.c), this one not: a thread that is in dl_iterate_phdr would leave it
 * locked there, and with it every dlopen and dlclose. */
bool ldso_forking(struct loader *ld)
{
	struct timespec end = clock_deadline(WRITE_LOCK_WAIT_NS);

	return ld->locks.write &&
	       pthread_mutex_clocklock(ld->locks.write, CLOCK_MONOTONIC, &end) == 0;
}

void ldso_forked(struct loader *ld, bool child)
{
	static const pthread_mutex_t fresh = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

	/* Its owner is known by his number, which is another one in the child. */
	if (!ld->locks.write)
		return;
	if (child)
		*ld->locks.write = fresh;
	else
		pthread_mutex_unlock(ld->locks.write);
}

void ldso_hide(struct loader *ld, struct link_map *map, bool *was_global)
{
	linkmap_remove(ld->ldso.ns, map, was_global);
}

void ldso_reinsert(struct loader *ld, struct link_map *map, bool was_global)
{
	linkmap_insert(ld->ldso.ns, map, was_global);
}
