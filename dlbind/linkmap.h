/* The link map that debuggers read: what glibc keeps it in, and how an object is taken
 * out of it and put back.  For libdlbind and for the audit module. */
#ifndef DLBIND_LINKMAP_H
#define DLBIND_LINKMAP_H

#include <link.h>
#include <stdbool.h>

/* Head of `_rtld_global`, i.e. of its first element _dl_ns[LM_ID_BASE]
 * (glibc, sysdeps/generic/ldsodefs.h, struct link_namespaces). */
struct linkmap_namespace {
	struct link_map *loaded;
	unsigned int nloaded;
	unsigned int padding;
	struct linkmap_searchlist {
		struct link_map **list;
		unsigned int n;
	} * main_searchlist;
};

/* Is the layout the one above?  Pointers, chain, counts and search list must agree, and
 * with what debuggers see.  `ns`: `_rtld_global`; NULL: there is none.  Returns NULL, or
 * why not.  Only with the load lock. */
const char *linkmap_check(const struct linkmap_namespace *ns, const struct r_debug *debug);

/* Is it in the list?  The pointer need not be good.  Only with the load lock. */
bool linkmap_has(const struct linkmap_namespace *ns, const struct link_map *map);

/* Takes an object out of the list, and puts it back at the tail.  Only with the load
 * lock, after linkmap_check; the caller tells debuggers.
 * `was_global`: it stands in the global search list, too (RTLD_GLOBAL).  remove tells it
 * and takes it out of there, insert puts it back; NULL, false: it stays there. */
void linkmap_remove(struct linkmap_namespace *ns, struct link_map *map, bool *was_global);
void linkmap_insert(struct linkmap_namespace *ns, struct link_map *map, bool was_global);

/* Can this address be read? */
bool linkmap_readable(const void *p);

#endif
