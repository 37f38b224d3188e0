/* The way out of a generation: out of the link map, retired, unmapped.
 *
 * A Go generation is handed to the reaper; any other one is unmapped at once or,
 * if somebody may be executing in it, at the guest's next step.  All functions
 * are called in a transaction, without our lock. */
#ifndef GOAUDIT_RETIRE_H
#define GOAUDIT_RETIRE_H

#include <stdbool.h>

struct generation;
struct goaudit;
struct guest;

bool retire_is_unreferenced(const struct generation *gen);

/* Takes a generation out of the link map; what it needs stays. */
void retire_hide(struct goaudit *ga, struct generation *gen);

/* Nobody refers to a hidden generation any more. */
void retire_generation(struct goaudit *ga, struct generation *gen);

/* The same, but the caller of dlreload has been its last user, and may be
 * executing in it: a C generation is kept until retire_replaced. */
void retire_below_caller(struct goaudit *ga, struct generation *gen);
void retire_replaced(struct goaudit *ga, struct guest *guest);

/* A generation was hidden to make way for one that failed: as you were. */
void retire_undo(struct goaudit *ga, struct generation *old);

/* Unmaps a generation that nobody needs: back into the link map, a true
 * dlclose, and its snapshot removed. */
void retire_unmap(struct goaudit *ga, struct generation *gen);

#endif
