#include "retire.h"

#include <dlfcn.h>
#include <string.h>

#include "clock.h"
#include "debugger.h"
#include "state.h"

bool retire_is_unreferenced(const struct generation *gen)
{
	return !gen->info->references && !gen->permanent;
}

void retire_unmap(struct goaudit *ga, struct generation *gen)
{
	uint64_t begin = clock_ns();
	char snapshot[sizeof gen->info->snapshot];

	gen->unmapping = true;
	memcpy(snapshot, gen->info->snapshot, sizeof snapshot);
	/* _dl_close_worker counts the objects in the list, so it must be back in
	 * it; the debugger is not told. */
	if (gen->hidden) {
		ldso_reinsert(ga, gen->map, gen->global);
		gen->hidden = false;
		debugger_close(ga, gen->map);
	} else {
		dlclose(gen->map);
	}
	pins_release(gen);
	snapshot_remove(ga, snapshot);
	pthread_mutex_lock(&ga->lock);
	gen->info->unload_ns += clock_ns() - begin;
	if (gen->guest->current == gen)
		gen->guest->current = NULL;
	registry_set_state(ga, gen, GOAUDIT_GONE);
	pthread_mutex_unlock(&ga->lock);
}

/* May a C generation still be executing, or be looked at? */
static bool is_busy(struct goaudit *ga, const struct generation *gen)
{
	if (gen->kept || gen->unmapping)
		return true;
	if (!gen->entered)
		return false;
	gate_settle(ga);
	return gate_busy(ga, gen);
}

/* Takes a generation out of the link map.  In a transaction. */
void retire_hide(struct goaudit *ga, struct generation *gen)
{
	pins_take_bound(ga, gen);
	debugger_hide(ga, gen);
}

/* Nobody refers to a hidden generation any more.  In a transaction. */
void retire_generation(struct goaudit *ga, struct generation *gen)
{
	bool go = gen->info->is_go;

	pthread_mutex_lock(&ga->lock);
	if (gen->guest->current == gen)
		gen->guest->current = NULL;
	registry_set_state(ga, gen, GOAUDIT_RETIRED);
	if (go)
		reaper_add(ga, gen);
	pthread_mutex_unlock(&ga->lock);
	if (!go && !is_busy(ga, gen))
		retire_unmap(ga, gen);	/* else retire_replaced will */
}

/* A C generation that dlreload has replaced may still be executing below the
 * caller; there is no way to know.  It is kept until the guest's next step. */
void retire_replaced(struct goaudit *ga, struct guest *guest)
{
	struct generation *gen, *next;

	for (gen = guest->all; gen; gen = next) {
		next = gen->next;
		/* Its own destructors may bring us here again. */
		if (gen->info->state == GOAUDIT_RETIRED && !gen->info->is_go &&
		    !is_busy(ga, gen))
			retire_unmap(ga, gen);
	}
}

/* A generation that was hidden to make way for one that failed. */
void retire_undo(struct goaudit *ga, struct generation *old)
{
	if (!old || old->info->state != GOAUDIT_OPEN || !old->hidden)
		return;
	if (!retire_is_unreferenced(old)) {
		debugger_reinsert(ga, old);
		return;
	}
	/* All have closed it meanwhile (close_step). */
	if (!old->reloadable) {
		retire_generation(ga, old);
		return;
	}
	pthread_mutex_lock(&ga->lock);
	registry_set_state(ga, old, GOAUDIT_PARKED);
	pthread_mutex_unlock(&ga->lock);
}

/* The caller of dlreload has left a generation, and may be executing in it. */
void retire_below_caller(struct goaudit *ga, struct generation *gen)
{
	if (gen->info->is_go) {
		retire_generation(ga, gen);
		return;
	}
	pthread_mutex_lock(&ga->lock);
	registry_set_state(ga, gen, GOAUDIT_RETIRED);	/* until retire_replaced */
	pthread_mutex_unlock(&ga->lock);
}
