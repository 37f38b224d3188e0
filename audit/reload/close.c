#include "reload/close.h"

#include "loader/redirect.h"
#include "guest/records.h"
#include "reload/needed.h"
#include "reload/recover.h"
#include "guest/registry.h"
#include "reload/retire.h"
#include "api/goaudit.h"

void close_drop_reference(struct generation *gen)
{
	journal_begin();
	gen->info->references--;
	journal_end();
}

/* What becomes of a generation that nobody refers to.  With our lock; the state is
 * set. */
static enum goaudit_state settle(struct goaudit *ga, struct generation *gen)
{
	enum goaudit_state before = gen->info->state, after = before;

	/* Not the last; never to go; its own constructor or package init has
	 * closed it; or hidden while a reload is under way, which settles it. */
	if (!retire_is_unreferenced(gen) || ga->exiting || gen->owner ||
	    (before == GOAUDIT_OPEN && gen->hidden))
		return GOAUDIT_FREE;
	if (before == GOAUDIT_OPEN && needed_wanted(ga, gen))
		return GOAUDIT_FREE;
	if (before == GOAUDIT_OPEN && (gen->reloadable || gen->users))
		after = GOAUDIT_PARKED;
	else if (before == GOAUDIT_OPEN || before == GOAUDIT_SUPERSEDED)
		after = GOAUDIT_RETIRED;
	if (after == before)
		return GOAUDIT_FREE;
	registry_set_state(ga, gen, after);
	return after;
}

/* Follows settle.  In a transaction. */
static void leave(struct goaudit *ga, struct generation *gen, enum goaudit_state next)
{
	if (next == GOAUDIT_FREE)
		return;
	retire_hide(ga, gen);
	if (next == GOAUDIT_RETIRED)
		retire_generation(ga, gen);
}

void close_unreferenced(struct goaudit *ga, struct generation *gen)
{
	enum goaudit_state next;

	pthread_mutex_lock(&ga->lock);
	next = settle(ga, gen);
	pthread_mutex_unlock(&ga->lock);
	leave(ga, gen, next);
}

struct closing {
	struct goaudit *ga;
	void *handle;
	struct generation *gen;
	bool bad;
};

/* The last reference, as it seems.  Drops it and decides, in one go: others may add
 * references at any time to what is open.  In a transaction. */
static void close_step(void *arg)
{
	struct closing *c = arg;
	struct goaudit *ga = c->ga;
	enum goaudit_state next = GOAUDIT_FREE;
	bool untrusted = ldso_validate(ga) != NULL;
	struct guest *guest;

	recover(ga);
	pthread_mutex_lock(&ga->lock);
	c->gen = registry_find_handle(ga, c->handle);
	c->bad = !c->gen || !c->gen->info->references;
	if (!c->bad) {
		close_drop_reference(c->gen);
		if (!untrusted)
			next = settle(ga, c->gen);
	}
	guest = c->gen ? c->gen->guest : NULL;
	pthread_mutex_unlock(&ga->lock);
	if (next == GOAUDIT_FREE)
		return;
	leave(ga, c->gen, next);
	retire_replaced(ga, guest);
}

/* A reference that is not of our giving: it may be what one of ours waits for. */
static bool close_other(struct goaudit *ga, void *handle, bool ours, int *result)
{
	unsigned before = ga->ldso.ns ? ga->ldso.ns->nloaded : 0;

	if (!__atomic_load_n(&ga->linger.waiting, __ATOMIC_RELAXED))
		return false;
	*result = ((int (*)(void *))intercept_real_dlclose)(handle);
	/* Not after a failure: it clears dlerror's text. */
	if (*result == 0)
		retire_try(ga, ours || ga->ldso.ns->nloaded < before);
	return true;
}

bool close_handle(struct goaudit *ga, void *handle, int *result)
{
	struct closing c = { .ga = ga, .handle = handle };
	struct guest *guest;
	bool step = false, loaders;

	error_clear(ga);
	pthread_mutex_lock(&ga->lock);
	c.gen = registry_find_handle(ga, handle);
	guest = c.gen ? c.gen->guest : registry_find_lasting(ga, handle);
	/* We have closed it; who has still a reference has it from ld.so. */
	loaders = !guest || (c.gen && c.gen->closed && handle == c.gen->map);
	if (!loaders && c.gen && c.gen->info->references > 1)
		close_drop_reference(c.gen);
	else
		step = c.gen != NULL;
	c.bad = !c.gen;
	pthread_mutex_unlock(&ga->lock);
	if (loaders)
		return close_other(ga, handle, guest != NULL, result);
	if (step && !ldso_transaction(ga, close_step, &c)) {
		error_set(ga, "%s: %s", guest->path, LDSO_NOT_CALLED);
		*result = -1;
		return true;
	}
	*result = c.bad ? -1 : 0;
	if (c.bad)
		error_set(ga, "%s: the handle is not open: it was closed before",
			  guest->path);
	retire_try(ga, false);
	return true;
}
