/* Who is inside a guest, on the host's side of the stack: counts per thread and generation. */
#ifndef GOAUDIT_ENTRY_CALLS_H
#define GOAUDIT_ENTRY_CALLS_H

#include <stdbool.h>

struct entries;
struct entry_thread;
struct generation;

/* Makes the counts of all threads current (membarrier(2)): of the calls that
 * begin from now on, those that are not counted see what was stored before. */
void calls_barrier(struct entries *es);

/* Is a call through an entry under way in a generation, as of the last
 * calls_barrier? */
bool calls_under_way(const struct entries *es, const struct generation *gen);

/* Before fork(2), with core.lock; and in the child, whose one thread keeps its
 * block under its new number. */
void calls_forking(struct entries *es);
void calls_forked(struct entries *es);

/* Called by an entry on the thread's first call of a guest.  It may interrupt
 * anything, so it takes no lock and uses system calls only.  Out of memory: all
 * such threads share a block, and nothing is unmapped any more. */
struct entry_thread *calls_enlist(void);

#endif
