/* The libraries that lie beside the module and are opened in its namespace. */
#ifndef GOAUDIT_GUEST_COMPANION_H
#define GOAUDIT_GUEST_COMPANION_H

struct guests;

/* Opens one of them; NULL, with dlerror set.  Without locks. */
void *companion_open(struct guests *gs, const char *name);

/* Fills the part of gs->companions that is libgoaudit-image.so's, or libgoaudit-dwarf.so's,
 * at the first call.  Returns 0, or -1 with dlerror set.  Without locks. */
int companion_image(struct guests *gs);
int companion_dwarf(struct guests *gs);

#endif
