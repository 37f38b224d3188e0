/* A loaded and initialised generation takes over, or is taken back. */
#ifndef GOAUDIT_RELOAD_COMMIT_H
#define GOAUDIT_RELOAD_COMMIT_H

struct generation;
struct job;

/* One more, of dlopen's mode.  With core.lock. */
void commit_add_reference_locked(struct generation *gen, int mode);

/* The new one is no good: the old generation is the current one again.  In a transaction. */
void commit_roll_back(void *arg);

/* The new generation is good: it becomes the current one for all.  In a transaction. */
void commit_switch(void *arg);

/* What a program that takes a handle for a link_map reads there is that of what the handle
 * stands for now.  In a transaction. */
void commit_show_map(struct job *job);

#endif
