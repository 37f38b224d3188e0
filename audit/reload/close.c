#include "reload/close.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "../dlbind/linkmap.h"
#include "core/core.h"
#include "core/error.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "loader/transaction.h"
#include "reload/farewell.h"
#include "reload/forget.h"
#include "reload/recover.h"
#include "reload/reloads.h"
#include "reload/retire.h"
#include "reload/users.h"

void close_drop_reference_locked(struct generation *gen)
{
	records_begin_locked();
	gen->info->references--;
	records_end_locked();
}

/* What becomes of a generation that nobody refers to.  With our lock; the state is
 * set. */
static enum goaudit_state settle_locked(struct reloads *rl, struct generation *gen)
{
	enum goaudit_state before = gen->info->state, after = before;

	/* Not the last; never to go; its own constructor or package init has
	 * closed it; or a reload is under way, which settles it. */
	if (!retire_is_unreferenced(gen) || rl->core->exiting || gen->owner || gen->leaver ||
	    (before == GOAUDIT_OPEN && gen->object.hidden))
		return GOAUDIT_FREE;
	if (before == GOAUDIT_OPEN && users_wanted(rl, gen))
		return GOAUDIT_FREE;
	if (before == GOAUDIT_OPEN && !gen->guest->instance && (gen->reloadable || gen->users))
		after = GOAUDIT_PARKED;
	else if (before == GOAUDIT_OPEN || before == GOAUDIT_SUPERSEDED)
		after = GOAUDIT_RETIRED;
	if (after == before)
		return GOAUDIT_FREE;
	registry_set_state_locked(rl->guests, gen, after);
	return after;
}

/* Follows settle.  In a transaction. */
static void leave(struct reloads *rl, struct generation *gen, enum goaudit_state next)
{
	if (next == GOAUDIT_FREE)
		return;
	retire_hide(rl, gen);
	if (next == GOAUDIT_RETIRED)
		retire_generation(rl, gen);
}

void close_unreferenced(struct reloads *rl, struct generation *gen)
{
	enum goaudit_state next;

	pthread_mutex_lock(&rl->core->lock);
	next = settle_locked(rl, gen);
	pthread_mutex_unlock(&rl->core->lock);
	leave(rl, gen, next);
}

struct closing {
	struct reloads *rl;
	void *handle;
	struct generation *gen;
	bool bad;
};

/* The last reference, as it seems.  Drops it and decides, in one go: others may add
 * references at any time to what is open.  In a transaction. */
static void close_step(void *arg)
{
	struct closing *c = arg;
	struct reloads *rl = c->rl;
	enum goaudit_state next = GOAUDIT_FREE;
	bool untrusted = ldso_validate(rl->loader) != NULL;
	struct guest *guest;

	recover(rl);
	pthread_mutex_lock(&rl->core->lock);
	c->gen = registry_find_handle_locked(rl->guests, c->handle);
	c->bad = !c->gen || !c->gen->info->references;
	if (!c->bad) {
		close_drop_reference_locked(c->gen);
		if (!untrusted)
			next = settle_locked(rl, c->gen);
	}
	guest = c->gen ? c->gen->guest : NULL;
	pthread_mutex_unlock(&rl->core->lock);
	if (next == GOAUDIT_FREE)
		return;
	leave(rl, c->gen, next);
	retire_replaced(rl, guest);
}

/* A reference that is not of our giving: it may be what one of ours waits for. */
static bool close_other(struct reloads *rl, void *handle, bool ours, int *result)
{
	unsigned before = rl->loader->ldso.ns ? rl->loader->ldso.ns->nloaded : 0;

	if (!__atomic_load_n(&rl->linger.waiting, __ATOMIC_RELAXED))
		return false;
	*result = ((int (*)(void *))real_dlclose)(handle);
	/* Not after a failure: it clears dlerror's text. */
	if (*result == 0)
		retire_try(rl, ours || rl->loader->ldso.ns->nloaded < before);
	return true;
}

/* The handle's guest is closed, or no more. */
static int refuse(struct reloads *rl, const struct guest *guest, const void *handle)
{
	if (guest)
		error_set(rl->core, "%s: the handle is not open: it was closed before",
			  guest->path);
	else
		error_set(rl->core, "%p: the handle is not open: it was closed before", handle);
	return -1;
}

static int close_last(struct reloads *rl, struct closing *c, const struct guest *guest)
{
	if (!transaction_run(rl->loader, close_step, c)) {
		error_set(rl->core, "%s: %s", guest->path, LDSO_NOT_CALLED);
		return -1;
	}
	return c->bad ? refuse(rl, guest, c->handle) : 0;
}

bool close_handle(struct reloads *rl, void *handle, int *result)
{
	struct closing c = { .rl = rl, .handle = handle };
	struct guest *guest;
	bool step = false, loaders;

	error_clear(rl->core);
	pthread_mutex_lock(&rl->core->lock);
	c.gen = registry_find_handle_locked(rl->guests, handle);
	guest = c.gen ? c.gen->guest : registry_find_lasting_locked(rl->guests, handle);
	/* We have closed it; who has still a reference has it from ld.so. */
	loaders = !guest || (c.gen && c.gen->closed && handle == c.gen->object.map);
	if (!loaders && c.gen && c.gen->info->references > 1)
		close_drop_reference_locked(c.gen);
	else
		step = c.gen != NULL;
	c.bad = !c.gen;
	if (guest && !loaders)
		registry_keep_locked(rl->guests, guest);
	pthread_mutex_unlock(&rl->core->lock);
	if (!guest && registry_was_lasting(rl->guests, handle)) {
		*result = refuse(rl, NULL, handle);
		return true;
	}
	if (loaders)
		return close_other(rl, handle, guest != NULL, result);
	*result = step ? close_last(rl, &c, guest) : c.bad ? refuse(rl, guest, handle) : 0;
	registry_release(rl->guests, guest);
	retire_try(rl, false);
	forget_surplus(rl);
	farewell_tell(rl);
	return true;
}
