/* All of the module: a struct for each layer, which has pointers to those below it. */
#ifndef GOAUDIT_API_GOAUDIT_H
#define GOAUDIT_API_GOAUDIT_H

#include "adapter/adapters.h"
#include "core/core.h"
#include "entry/entries.h"
#include "guest/guests.h"
#include "loader/loader.h"
#include "reload/reloads.h"

struct goaudit {
	struct core core;
	struct loader loader;
	struct guests guests;
	struct entries entries;
	struct adapters adapters;
	struct reloads reloads;
	struct watch *watches; /* L */
};

/* For who comes in without an argument of ours: ld.so, and the host's calls. */
extern struct goaudit goaudit_module;

#endif
