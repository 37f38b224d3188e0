/* What $ORIGIN, RPATH and RUNPATH mean to an object that is loaded from a
 * snapshot: what they would mean where the user put the file. */
#ifndef GOAUDIT_GUEST_ORIGIN_H
#define GOAUDIT_GUEST_ORIGIN_H

#include <link.h>

struct guests;

/* la_objopen: a snapshot has been mapped, and its search path has not been read
 * yet.  $ORIGIN in it becomes the user's folder; the rest, and the order of the
 * search, stay ld.so's. */
void origin_rewrite(struct guests *gs, const struct link_map *map);

#endif
