/* What $ORIGIN and RUNPATH mean to an object that is loaded from a snapshot:
 * what they would mean where the user put the file. */
#ifndef GOAUDIT_ORIGIN_H
#define GOAUDIT_ORIGIN_H

#include <link.h>
#include <stddef.h>

struct goaudit;

/* la_objsearch, LA_SER_ORIG: a dependency, or a dlopen by bare name, of an
 * object of ours.  Returns `out` with the file to take, or NULL: ld.so goes on
 * searching. */
const char *origin_search(struct goaudit *ga, const struct link_map *requester,
			  const char *name, char *out, size_t size);

#endif
