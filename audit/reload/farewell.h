/* goaudit_close of guests that are closed for good. */
#ifndef GOAUDIT_RELOAD_FAREWELL_H
#define GOAUDIT_RELOAD_FAREWELL_H

struct reloads;

/* Calls it for those that hooks_mark_closed has marked, on threads of their own; nobody
 * waits.  Not in a transaction, without locks. */
void farewell_tell(struct reloads *rl);

#endif
