/* After a fork: what a thread was in the middle of that the child does not have. */
#ifndef GOAUDIT_RELOAD_RECOVER_H
#define GOAUDIT_RELOAD_RECOVER_H

struct reloads;

/* In the child, with core.lock: a generation that another thread was loading or
 * initialising never becomes current, one that it was unmapping stays as it is.  Both
 * stay mapped, if they are, and are not touched any more: the thread may have held
 * locks of theirs.  The guest's old generation is the current one again. */
void recover_forked(struct reloads *rl);

/* First in each transaction that changes guests: brings the link map in line with
 * what recover_forked has left. */
void recover(struct reloads *rl);

#endif
