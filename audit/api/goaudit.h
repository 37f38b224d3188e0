/* All of the module: a struct for each layer, which has pointers to those below it. */
#ifndef GOAUDIT_API_GOAUDIT_H
#define GOAUDIT_API_GOAUDIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "adapter/adapters.h"
#include "core/core.h"
#include "entry/entries.h"
#include "guest/guests.h"
#include "loader/loader.h"
#include "reload/reloads.h"

/* Of the thread that answers goaudit reload; see control.h. */
struct control {
	bool begun;   /* atomic */
	int socket;   /* the thread's, as all below, once it has begun */
	dev_t device; /* what `socket` was made as */
	ino_t inode;
};

struct goaudit {
	struct core core;
	struct loader loader;
	struct guests guests;
	struct entries entries;
	struct adapters adapters;
	struct reloads reloads;
	struct watch *watches; /* L */
	struct control control;
};

/* For who comes in without an argument of ours: ld.so, and the host's calls. */
extern struct goaudit goaudit_module;

#endif
