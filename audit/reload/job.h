/* What the files of an open or reload share. */
#ifndef GOAUDIT_RELOAD_JOB_H
#define GOAUDIT_RELOAD_JOB_H

#include <stdbool.h>

#include "goaudit.h"
#include "guest/snapshot.h"

struct generation;
struct guest;
struct open_request;
struct reloads;
struct target_table;

enum outcome {
	DONE,       /* job.handle is the answer */
	PREPARE,    /* a new generation is needed, but no snapshot was made */
	BUSY,       /* another thread initialises the guest: wait, try again */
	RETRY,      /* the guest has changed meanwhile: look again */
	LEAVE,      /* the current generation is to hear of it first */
	INITIALISE, /* loaded; a Go generation's inits are to be run */
	FAILED,     /* dlerror is set */
};

/* One open or reload while it is under way; lives on its thread's stack. */
struct job {
	struct reloads *rl;
	const struct open_request *request;
	struct guest *guest;
	struct snapshot snapshot;     /* what has been read and made so far */
	bool unchanged;               /* the file is that of `seen` */
	bool turned;                  /* request->path is not where the guest's name led, */
	const char *path, *name;      /* which are these, from the switch on */
	struct generation *seen;      /* current generation when the file was looked at */
	struct generation *reloading; /* dlreload: the caller's generation; else NULL */
	struct goaudit_reload_options options;
	struct generation *old, *gen; /* current before, and new */
	struct generation *leaving;   /* what leave_claim has claimed */
	struct target_table *table;   /* for the entries, from initialise to the end */
	bool initialised;             /* the new one's initialisers have run */
	enum outcome outcome;
	void *handle;
};

/* Sets dlerror. */
void job_out_of_memory(struct job *job);

#endif
