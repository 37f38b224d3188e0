/* Which generations of libraries a generation needs (needed.h): its pins.need, and their
 * `users`. */
#ifndef GOAUDIT_RELOAD_USERS_H
#define GOAUDIT_RELOAD_USERS_H

#include <stdbool.h>

#include "goaudit.h"

struct generation;
struct reloads;

/* The generation `gen` needs `other`.  Returns false when out of memory.  In a transaction. */
bool users_add(struct reloads *rl, struct generation *gen, struct generation *other);

/* Has it to be in the link map for others?  In a transaction. */
bool users_wanted(const struct reloads *rl, const struct generation *gen);

/* Does it need the other one, directly or by others?  In a transaction, or with core.lock. */
bool users_reach(const struct generation *gen, const struct generation *other);
bool users_reach_directly(const struct generation *gen, const struct generation *other);

/* registry_set_state_locked, which takes the lock. */
void users_set_state(struct reloads *rl, struct generation *gen, enum goaudit_state state);

/* Around the dlclose of a generation: what it needs is in ld.so's list, where that takes
 * the closed object's search list out of theirs; debuggers do not see it.  In a
 * transaction. */
void users_expose(struct reloads *rl, struct generation *gen);

void users_cover(struct reloads *rl, struct generation *gen);

#endif
