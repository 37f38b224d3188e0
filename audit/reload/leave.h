/* Hooks by which a guest hears that a successor comes, and that it has not come after all
 * (goaudit.h): goaudit_leave, goaudit_return.
 *
 * Foreign code: all of it runs without locks, on a thread of its own with a limit of time,
 * or, in a constructor, on the caller's without one.  The generation is kept mapped
 * meanwhile. */
#ifndef GOAUDIT_RELOAD_LEAVE_H
#define GOAUDIT_RELOAD_LEAVE_H

#include <stdbool.h>

struct generation;
struct job;
struct reloads;

/* Is a successor of `cur` to wait until leave_run has told it?  Then `cur` is this job's,
 * and others that would replace it have to wait.  In a transaction. */
bool leave_claim(struct job *job, struct generation *cur);

/* Is another thread in between leave_claim and leave_end of it?  With core.lock or in a
 * transaction. */
bool leave_is_anothers(const struct generation *gen);

/* The same, and nothing is to be waited for: an earlier reload did not. */
bool leave_is_late(const struct generation *gen);

/* Has a hook of it called what this job is for?  As leave_is_anothers. */
bool leave_is_below(const struct job *job, const struct generation *gen);

/* Calls goaudit_leave of what has been claimed, if there is one.  false, with dlerror set:
 * it refuses, or has not ended in time.  Without locks. */
bool leave_run(struct job *job);

/* The job has come to its end, whatever that is.  What has been claimed and is not replaced
 * is told by goaudit_return.  dlerror's text stays.  Without locks. */
void leave_end(struct job *job);

#endif
