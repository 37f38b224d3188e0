#include "reload/move.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/adapter.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/guests.h"
#include "guest/snapshot.h"
#include "loader/folder.h"
#include "reload/reloads.h"

int move_check_exports(struct reloads *rl, const struct generation *old,
		       const struct generation *new, const char *const *names, size_t n)
{
	char text[900];
	struct snapshot_mapping m, next;
	int differs;

	if (folder_lost(rl->loader, old->info->snapshot) || access(rl->core->home, X_OK) != 0) {
		log_line(rl->core,
			 "%s: signatures are not compared: the last build or the module "
			 "is out of reach: the process has other privileges or another root "
			 "now",
			 new->info->path);
		return 0;
	}
	if (companion_dwarf(rl->guests) != 0 ||
	    snapshot_map_both(rl->guests, old, new, &m, &next) != 0)
		return -1;
	differs = rl->guests->companions.compare_exports(m.data, m.size, next.data, next.size,
							 names, n, text, sizeof text);
	munmap(m.data, m.size);
	munmap(next.data, next.size);
	if (!differs)
		return 0;
	error_set(rl->core,
		  "%s: the signature of an export has changed: %s: give the new "
		  "function another name",
		  new->info->path, text);
	return -1;
}

int move_variables(struct reloads *rl, const struct generation *old,
		   const struct generation *new, const char *const *names)
{
	const struct adapter *a = new->adapter;

	if (a->move)
		return a->move(rl->adapters, old, new, names);
	error_set(rl->core,
		  "%s: variables of %s do not move: leave the copy out, or save them with "
		  "hooks",
		  new->info->path, a->language);
	return -1;
}
