/* What is done with ld.so beyond its interface. */
#ifndef DLBIND_LDSO_H
#define DLBIND_LDSO_H

#include "state.h"

/* Finds the copies of the hash table's place in ld.so's private part of the
 * link map; leaves them NULL if they are not where they could be. */
void ldso_find_hash(struct library *lib, const uint32_t *table);

/* Waits until every lookup that ld.so had begun is done.  False: it could not be
 * had now. */
bool ldso_grace(void);

bool ldso_debugger_at_brk(void);   /* cheap; gdb without probes */
bool ldso_debugger_attached(void); /* any tracer; microseconds */

/* Takes the object out of the link map and puts it back, with the debugger
 * watching; `between` runs when it is out. */
bool ldso_relist(struct library *lib, void (*between)(struct library *));

#endif
