#include "api/start.h"

#include "adapter/adapters.h"
#include "adapter/languages.h"
#include "api/goaudit.h"
#include "api/process.h"
#include "entry/entries.h"
#include "guest/guests.h"
#include "loader/loader.h"
#include "reload/reloads.h"

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
	languages_start(&ga->adapters);
}
