/* The way out of a generation: out of the link map, retired, unmapped.
 *
 * A Go generation is handed to the reaper; any other one is unmapped at once or,
 * if somebody may be executing in it, at a later step: opening, closing or reloading of a
 * guest, and goaudit_reclaim.  All functions are called without our lock, and in a
 * transaction where nothing else is said. */
#ifndef GOAUDIT_RELOAD_RETIRE_H
#define GOAUDIT_RELOAD_RETIRE_H

#include <stdbool.h>

#include "goaudit.h"

struct generation;
struct guest;
struct reloads;

bool retire_is_unreferenced(const struct generation *gen);

/* How many of its guest stay mapped that have been replaced. */
unsigned retire_keeps(const struct reloads *rl, const struct generation *gen);

/* Takes a generation out of the link map; what it needs stays. */
void retire_hide(struct reloads *rl, struct generation *gen);

/* Nobody refers to a hidden generation any more. */
void retire_generation(struct reloads *rl, struct generation *gen);

/* The same, but the caller of dlreload has been its last user, and may be
 * executing in it: a C generation is kept until retire_replaced. */
void retire_below_caller(struct reloads *rl, struct generation *gen);
void retire_replaced(struct reloads *rl, struct guest *guest);

/* Undoes retire_hide after the successor has failed: reinserts old, or parks or retires it
 * if its last reference has gone meanwhile. */
void retire_undo(struct reloads *rl, struct generation *old);

/* Has another thread something in it (threads.h), or libc (registered.h)? */
bool retire_is_used(struct reloads *rl, const struct generation *gen);

/* Unmaps a generation that nobody needs: back into the link map, a true
 * dlclose, and its snapshot removed.  If ld.so still needs it (linger.h) it stays retired,
 * and is tried again. */
void retire_unmap(struct reloads *rl, struct generation *gen);

/* The same for one whose dlopen has failed, and that a dlclose further up the stack still
 * has to take out. */
void retire_failed(struct reloads *rl, struct generation *gen);

/* A generation that has failed, and ld.so did not let us take it out: later.  Not in a
 * transaction. */
void retire_strand(struct reloads *rl, struct generation *gen);

/* Tries those again that could not go: a part of them, or all.  Cheap if there are
 * none.  Not in a transaction. */
void retire_try(struct reloads *rl, bool all);

/* One that keeps the generation (kept) does no more.  Not in a transaction, without locks. */
void retire_let_go(struct reloads *rl, struct generation *gen);

/* la_activity(LA_ACT_CONSISTENT): a dlclose may have taken some. */
void retire_look(struct reloads *rl);

/* It is out of the process, or never was in it: the record's end.  With core.lock. */
void retire_gone_locked(struct reloads *rl, struct generation *gen);

/* Takes a generation out of the link map or puts it back, with what only it needs, and
 * tells the debugger if there is one.  In a transaction, without our lock. */
void retire_unlist(struct reloads *rl, struct generation *gen);
void retire_relist(struct reloads *rl, struct generation *gen);

/* Handle and entries of a library's guest lead to the generation.  In a transaction. */
void retire_serve(struct reloads *rl, struct generation *gen);

/* It is gone, and needs nothing any more.  In a transaction. */
void retire_needed(struct reloads *rl, struct generation *gen);

#endif
