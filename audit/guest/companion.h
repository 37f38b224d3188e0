/* The libraries that lie beside the module and are opened in its namespace. */
#ifndef GOAUDIT_GUEST_COMPANION_H
#define GOAUDIT_GUEST_COMPANION_H

#include <stdbool.h>

struct guests;
struct image_facts;

/* Opens one of them; NULL, with dlerror set.  Without locks. */
void *companion_open(struct guests *gs, const char *name);

/* Fills the part of gs->companions that is libgoaudit-image.so's, or libgoaudit-dwarf.so's,
 * at the first call.  Returns 0, or -1 with dlerror set.  Without locks. */
int companion_image(struct guests *gs);
int companion_dwarf(struct guests *gs);

/* The facts of a file, and where packages is not NULL the list of those in it, malloc'ed, or
 * NULL: it has none.  False: no file, or no image.  After companion_image.  Without locks. */
bool companion_look(struct guests *gs, const char *path, struct image_facts *facts,
		    char **packages);

#endif
