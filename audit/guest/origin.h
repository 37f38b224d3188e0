/* What $ORIGIN, RPATH and RUNPATH mean to an object that is loaded from a
 * snapshot: what they would mean where the user put the file. */
#ifndef GOAUDIT_ORIGIN_H
#define GOAUDIT_ORIGIN_H

#include <link.h>
#include <stddef.h>

struct goaudit;

/* la_objopen: a snapshot has been mapped, and its search path has not been read
 * yet.  $ORIGIN in it becomes the user's folder; the rest, and the order of the
 * search, stay ld.so's. */
void origin_settle(struct goaudit *ga, const struct link_map *map);

/* la_objsearch, LA_SER_ORIG: a Go guest asks for its runtime library.  Returns
 * the path of the one that runs, or NULL: ld.so goes on searching. */
const char *origin_runtime(struct goaudit *ga, const struct link_map *requester,
			   const char *name);

#endif
