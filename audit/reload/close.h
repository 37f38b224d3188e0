/* The way from open to parked or retired. */
#ifndef GOAUDIT_RELOAD_CLOSE_H
#define GOAUDIT_RELOAD_CLOSE_H

#include <stdbool.h>

struct generation;
struct reloads;

/* dlclose.  false: not ours.  Otherwise *result is what dlclose returns. */
bool close_handle(struct reloads *rl, void *handle, int *result);

/* Counts a reference less.  With core.lock. */
void close_drop_reference_locked(struct generation *gen);

/* Parks or retires a generation if nobody refers to it.  In a transaction. */
void close_unreferenced(struct reloads *rl, struct generation *gen);

#endif
