/* Instances: guests that are copies of one file.  They are not found by its path or name, but
 * by their handle, an address in them, and together by the name that they were opened by. */
#ifndef GOAUDIT_GUEST_INSTANCES_H
#define GOAUDIT_GUEST_INSTANCES_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct guests;
struct instances;

/* One more; NULL: out of memory.  With core.lock, as all where nothing else is said. */
struct guest *instances_add_locked(struct guests *gs, const char *path, const char *name,
				   void *context);

/* It is no more. */
void instances_leave_locked(struct guests *gs, struct guest *guest);

/* How many of its siblings are open.  Without locks. */
unsigned instances_open(struct guests *gs, const struct guest *guest);

/* Those of a name (absolute); NULL: there are none. */
struct instances *instances_find_locked(struct guests *gs, const char *name);

/* The handle and the context of the guest that an address lies in.  false: in none.  Without
 * locks, from anywhere. */
bool instances_at(const struct guests *gs, uintptr_t address, void **handle, void **context);

#endif
