#include "api/goaudit.h"

#include <pthread.h>

#include "adapter/adapters.h"
#include "api/process.h"
#include "core/core.h"
#include "entry/entries.h"
#include "guest/guests.h"
#include "loader/loader.h"
#include "reload/reloads.h"

struct goaudit goaudit_state = {
	.core.lock = PTHREAD_MUTEX_INITIALIZER,
	.core.changed = PTHREAD_COND_INITIALIZER,
	.core.errors.lock = PTHREAD_MUTEX_INITIALIZER,
	.loader.calls_lock = PTHREAD_MUTEX_INITIALIZER,
	.loader.calls_changed = PTHREAD_COND_INITIALIZER,
	.guests.retired.work = PTHREAD_COND_INITIALIZER,
	.adapters.panics.lock = PTHREAD_MUTEX_INITIALIZER,
};

void goaudit_init(struct goaudit *ga)
{
	ga->loader.core = &ga->core;
	ga->guests.core = &ga->core;
	ga->guests.loader = &ga->loader;
	ga->entries.core = &ga->core;
	ga->entries.loader = &ga->loader;
	ga->entries.guests = &ga->guests;
	ga->adapters.core = &ga->core;
	ga->adapters.loader = &ga->loader;
	ga->adapters.guests = &ga->guests;
	ga->adapters.entries = &ga->entries;
	ga->reloads.core = &ga->core;
	ga->reloads.loader = &ga->loader;
	ga->reloads.guests = &ga->guests;
	ga->reloads.entries = &ga->entries;
	ga->reloads.adapters = &ga->adapters;
	ga->loader.host.handlers = &process_handlers;
	entries_init(&ga->entries);
	adapters_init(&ga->adapters);
}
