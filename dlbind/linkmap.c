#include "linkmap.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel looks at the signal set before it looks at the bad first argument. */
bool linkmap_readable(const void *p)
{
	return p && (syscall(SYS_rt_sigprocmask, ~0, p, NULL, 8) == 0 || errno != EFAULT);
}

bool linkmap_has(const struct linkmap_namespace *ns, const struct link_map *map)
{
	const struct link_map *m;

	for (m = ns->loaded; m; m = m->l_next)
		if (m == map)
			return true;
	return false;
}

const char *linkmap_check(const struct linkmap_namespace *ns, const struct r_debug *debug)
{
	const struct link_map *previous = NULL, *map;
	unsigned int n = 0;

	if (!ns || !debug || !debug->r_map)
		return "ld.so exports no _rtld_global or _r_debug";
	if (ns->loaded != debug->r_map || ns->loaded->l_prev)
		return "_rtld_global does not start with the link map";
	for (map = ns->loaded; map; previous = map, map = map->l_next, n++)
		if (map->l_prev != previous)
			return "the link map's chain is broken";
	if (ns->nloaded != n)
		return "_ns_nloaded is not where it was expected";
	if (ns->padding)
		return "padding after _ns_nloaded is not zero";
	if (!linkmap_readable(ns->main_searchlist) ||
	    !linkmap_readable(ns->main_searchlist->list) || ns->main_searchlist->n > n ||
	    ns->main_searchlist->list[0] != ns->loaded)
		return "the main search list is not where it was expected";
	for (unsigned int i = 0; i < ns->main_searchlist->n; i++)
		if (!linkmap_has(ns, ns->main_searchlist->list[i]))
			return "the main search list has an object that the link map lacks";
	return NULL;
}

struct change {
	struct linkmap_namespace *ns;
	struct link_map *map;
	bool insert, global; /* global: the search list is changed, too */
};

static void replace_in_searchlist(struct linkmap_namespace *ns, struct link_map *from,
				  struct link_map *to)
{
	struct linkmap_searchlist *sl = ns->main_searchlist;

	/* Slot 0 is the main program's own. */
	for (unsigned int i = 1; i < sl->n; i++)
		if (sl->list[i] == from) {
			__atomic_store_n(&sl->list[i], to, __ATOMIC_RELEASE);
			return;
		}
}

static bool is_in_searchlist(const struct linkmap_namespace *ns, const struct link_map *map)
{
	for (unsigned int i = 1; i < ns->main_searchlist->n; i++)
		if (ns->main_searchlist->list[i] == map)
			return true;
	return false;
}

/* Runs with both locks: the write lock is dl_iterate_phdr's.  Readers without
 * a lock (dladdr of old glibcs, debuggers) may look at any moment, so the
 * forward chain is whole after every single store. */
static int change_list(struct dl_phdr_info *info, size_t size, void *data)
{
	struct change *c = data;
	struct linkmap_namespace *ns = c->ns;
	struct link_map *map = c->map, *tail;

	(void)info, (void)size;
	if (c->insert) {
		for (tail = ns->loaded; tail->l_next;)
			tail = tail->l_next;
		map->l_prev = tail;
		map->l_next = NULL;
		__atomic_store_n(&tail->l_next, map, __ATOMIC_RELEASE);
		ns->nloaded++;
		if (c->global)
			replace_in_searchlist(ns, ns->loaded, map);
	} else {
		if (c->global)
			c->global = is_in_searchlist(ns, map);
		if (c->global)
			replace_in_searchlist(ns, map, ns->loaded);
		__atomic_store_n(&map->l_prev->l_next, map->l_next, __ATOMIC_RELEASE);
		if (map->l_next)
			map->l_next->l_prev = map->l_prev;
		ns->nloaded--;
	}
	return 1;
}

void linkmap_remove(struct linkmap_namespace *ns, struct link_map *map, bool *was_global)
{
	struct change c = { .ns = ns, .map = map, .global = was_global != NULL };

	dl_iterate_phdr(change_list, &c);
	if (was_global)
		*was_global = c.global;
}

void linkmap_insert(struct linkmap_namespace *ns, struct link_map *map, bool was_global)
{
	struct change c = { .ns = ns, .map = map, .insert = true, .global = was_global };

	dl_iterate_phdr(change_list, &c);
}
