/* Where guests lie.  The areas are never unmapped and a place is used again late, so that
 * the handle of a guest that is no more can be told from any other address.  With
 * core.lock, but places_has. */
#ifndef GOAUDIT_GUEST_PLACES_H
#define GOAUDIT_GUEST_PLACES_H

#include <stdbool.h>

struct guest;
struct places;

/* A place with nothing in it; NULL: out of memory. */
struct guest *places_take(struct places *places);

/* Gives it back: its path is NULL from now on. */
void places_give(struct places *places, struct guest *guest);

/* The guest whose handle this is; NULL: none's, or no longer. */
struct guest *places_guest(const struct places *places, const void *handle);

/* Is it a guest's handle, or was it one?  Without locks. */
bool places_has(const struct places *places, const void *handle);

#endif
