/* Functions that a guest exports for the module to call (goaudit.h). */
#ifndef GOAUDIT_RELOAD_HOOKS_H
#define GOAUDIT_RELOAD_HOOKS_H

struct generation;
struct reloads;

/* The address of a generation's hook; NULL: it has none, or its runtime does not run here. */
void *hooks_find(struct reloads *rl, const struct generation *gen, const char *name);

/* It is retired: goaudit_close is to be called, unless it has left or has never begun.
 * In a transaction; farewell_tell follows. */
void hooks_mark_closed(struct reloads *rl, struct generation *gen);

#endif
