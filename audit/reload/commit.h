/* A loaded and initialised generation takes over, or is taken back. */
#ifndef GOAUDIT_RELOAD_COMMIT_H
#define GOAUDIT_RELOAD_COMMIT_H

struct generation;
struct job;

/* One more, of dlopen's mode.  With core.lock. */
void commit_add_reference_locked(struct generation *gen, int mode);

/* What the next two are called with: jobs of different guests. */
struct commit {
	struct job *const *jobs;
	unsigned n;
};

/* A new one is no good: the old generations are the current ones again.  In a transaction. */
void commit_roll_back(void *commit);

/* The new generations are good: they become the current ones for all, at one moment.  Out of
 * memory, they are rolled back.  In a transaction. */
void commit_switch(void *commit);

/* What a program that takes a handle for a link_map reads there is that of what the handle
 * stands for now.  In a transaction. */
void commit_show_map(struct job *job);

#endif
