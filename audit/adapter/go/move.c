#include "adapter/go/move.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "adapter/adapters.h"
#include "adapter/go/gort.h"
#include "adapter/go/library.h"
#include "core/error.h"
#include "core/log.h"
#include "go/protocol.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/guests.h"
#include "guest/snapshot.h"
#include "image/compare/move_plan.h"

static int move_by(struct adapters *ad, const struct generation *old,
		   const struct generation *new, const struct image_copy_plan *plan)
{
	struct go_move m = {
		.size = sizeof m,
		.lo = old->info->lo,
		.hi = old->info->hi,
		.to_lo = new->info->lo,
		.to_hi = new->info->hi,
		.from_base = old->object.map->l_addr,
		.to_base = new->object.map->l_addr,
		.vars = plan->vars,
		.nvars = plan->nvars,
		.ops = plan->ops,
		.nops = plan->nops,
		.types = plan->types,
		.ntypes = plan->ntypes,
		.named = plan->named,
		.nnamed = plan->nnamed,
	};

	if (gort_move(ad, &m) != 0)
		return -1;
	log_line(ad->core,
		 "%s: %llu variables: world stopped for %llu us, %llu objects, "
		 "%llu bytes copied to the heap, %llu objects with new types",
		 new->info->path, (unsigned long long)m.nvars,
		 (unsigned long long)m.stopped_ns / 1000, (unsigned long long)m.objects,
		 (unsigned long long)m.cloned, (unsigned long long)m.retyped);
	if (m.verdict == GO_OK)
		return 0;
	if (m.verdict == GO_NOT_FOUND)
		error_set(ad->core, "%s: no Go module is registered for it: open it again",
			  new->info->path);
	else
		error_set(ad->core,
			  "%s: %s%s%s: leave it out of the copy, or save it with hooks",
			  new->info->path,
			  m.var < m.nvars ? plan->names + plan->vars[m.var].name : "",
			  m.var < m.nvars ? ": " : "", m.text);
	return -1;
}

/* Types of package libraries are others in another build of one, and what the variables
 * lead to may be of such types. */
static bool over_same_libraries(struct adapters *ad, const struct generation *old,
				const struct generation *new)
{
	struct go_range a[LIBRARIES_NEEDED], b[LIBRARIES_NEEDED];
	unsigned n = library_needed(ad, old->object.map, a, 0);
	unsigned m = library_needed(ad, new->object.map, b, 0);

	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		while (k < m && b[k].lo != a[i].lo)
			k++;
		if (k == m)
			return false;
	}
	return true;
}

int go_move(struct adapters *ad, const struct generation *old, const struct generation *new,
	    const char *const *names)
{
	struct image_copy_plan plan = { .size = sizeof plan };
	enum image_copy_status status;
	struct snapshot_mapping m, next;
	char text[900];
	int result;

	if (!over_same_libraries(ad, old, new)) {
		error_set(ad->core,
			  "%s: it is over another build of a package library than before: "
			  "hand its state over with hooks",
			  new->info->path);
		return -1;
	}
	if (companion_dwarf(ad->guests) != 0 ||
	    snapshot_map_both(ad->guests, old, new, &m, &next) != 0)
		return -1;
	status = ad->guests->companions.plan_move(m.data, m.size, next.data, next.size, names,
						  &plan, text, sizeof text);
	munmap(m.data, m.size);
	munmap(next.data, next.size);
	if (status == IMAGE_COPY_OK) {
		result = move_by(ad, old, new, &plan);
		ad->guests->companions.free_plan(&plan);
		return result;
	}
	if (status == IMAGE_COPY_REFUSED)
		error_set(ad->core, "%s: %s: leave it out of the copy, or save it with hooks",
			  new->info->path, text);
	else if (status == IMAGE_COPY_NO_DWARF)
		error_set(ad->core,
			  "%s: %s: build it with `goaudit build`, and do not strip it",
			  new->info->path, text);
	else
		error_set(ad->core, "%s: no memory to compare the builds: free some",
			  new->info->path);
	return -1;
}
