/* ld.so's own locks, which have no names. */
#ifndef GOAUDIT_LOADER_LOCKS_H
#define GOAUDIT_LOADER_LOCKS_H

#include <pthread.h>
#include <stdbool.h>

struct loader;

/* Once, in the first transaction, which has them. */
void locks_find(struct loader *ld);

/* The load lock; NULL: not found, or not yet.  Without locks. */
pthread_mutex_t *locks_load(const struct loader *ld);

/* Does this thread hold the load lock: is it in a constructor, say?  Where that
 * cannot be known, the answer is `if_unknown`. */
bool locks_load_is_mine(const struct loader *ld, bool if_unknown);

#endif
