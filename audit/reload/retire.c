#include "reload/retire.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "loader/transaction.h"
#include "core/clock.h"
#include "loader/debugger.h"
#include "go/protocol.h"
#include "guest/records.h"
#include "reload/needed.h"
#include "api/goaudit.h"
#include "core/text.h"

bool retire_is_unreferenced(const struct generation *gen)
{
	return !gen->info->references && !gen->permanent;
}

/* Its record says who holds it, and retire_try looks at it again. */
static void set_waiting(struct goaudit *ga, struct generation *gen)
{
	ga->linger.waiting += !gen->waiting;
	gen->waiting = true;
}

static void held_by(struct goaudit *ga, struct generation *gen, uint32_t holder,
		    const char *text)
{
	struct goaudit_generation *info = gen->info;
	bool new;

	pthread_mutex_lock(&ga->lock);
	new = strcmp(info->holders, text) != 0;
	journal_begin();
	info->attempts++;
	info->holder = holder;
	info->goroutine = 0;
	text_copy(info->holders, sizeof info->holders, text);
	snprintf(info->holder_text, sizeof info->holder_text, "%.*s",
		 (int)strcspn(text, "\n"), text);
	journal_end();
	pthread_mutex_unlock(&ga->lock);
	if (new)
		goaudit_log(ga, "%s: generation %u is held:\n%s", gen->guest->path,
			    info->number, text);
}

/* Nothing of it is mapped any more. */
static void gone(struct goaudit *ga, struct generation *gen)
{
	snapshot_remove(ga, gen->info->snapshot);
	pthread_mutex_lock(&ga->lock);
	if (gen->guest->current == gen)
		gen->guest->current = NULL;
	registry_set_state(ga, gen, GOAUDIT_GONE);
	pthread_mutex_unlock(&ga->lock);
}

/* Gives our reference back; returns whether ld.so has unmapped the object. */
static bool close_map(struct goaudit *ga, struct generation *gen)
{
	const char *name = gen->info->snapshot;
	struct call plain = { .kind = CALL_PLAIN };
	struct link_map *map = gen->map;
	bool hidden = gen->hidden;

	if (gen->closed && !hidden && !ldso_lists(ga, map, name))
		return true;
	/* _dl_close_worker counts the objects in the list, so it must be back in
	 * it; the debugger is not told. */
	if (hidden)
		ldso_reinsert(ga, map, gen->global);
	gen->hidden = false;
	if (gen->closed) {		/* a reference to give back once more */
		call_push(ga, &plain);
		map = dlmopen(LM_ID_BASE, name, RTLD_LAZY | RTLD_NOLOAD);
		call_pop(ga, &plain);
		if (!map)
			return !ldso_lists(ga, gen->map, name);
	}
	gen->closed = true;
	needed_expose(ga, gen);
	if (hidden)
		debugger_close(ga, map);
	else
		dlclose(map);
	needed_cover(ga, gen);
	return !ldso_lists(ga, map, name);
}

/* ld.so has not unmapped it.  What it is needed for is the same for a parked one: code and
 * data where they are.  A dlclose that is under way may take it yet, but only from the
 * link map. */
static void linger(struct goaudit *ga, struct generation *gen)
{
	char text[sizeof gen->info->holders];
	bool nested = ldso_is_closing(ga);

	linger_name(ga, gen, nested, text, sizeof text);
	if (nested) {
		pins_release(ga, gen);
	} else {
		if (!gen->pins.bound)	/* given back, or none yet */
			pins_take_needed(ga, gen);
		retire_hide(ga, gen);
	}
	pthread_mutex_lock(&ga->lock);
	set_waiting(ga, gen);
	if (!gen->tries)
		gen->tried_at = ga->linger.step + 1;	/* not at this step's end */
	ga->linger.leaving += nested - gen->leaving;
	gen->leaving = nested;
	pthread_mutex_unlock(&ga->lock);
	held_by(ga, gen, GO_HOLDER_LOADER, text);
}

void retire_unmap(struct goaudit *ga, struct generation *gen)
{
	uint64_t begin = clock_ns();
	bool out;

	gen->unmapping = true;
	out = close_map(ga, gen);
	if (out) {
		pins_release(ga, gen);
		/* Before anybody reads that it is gone. */
		gen->info->unload_ns += clock_ns() - begin;
		gone(ga, gen);
	} else {
		linger(ga, gen);
	}
}

void retire_failed(struct goaudit *ga, struct generation *gen)
{
	pthread_mutex_lock(&ga->lock);
	gen->owner = NULL;
	gen->rolled_back = gen->unmapping = gen->closed = true;
	registry_set_state(ga, gen, GOAUDIT_RETIRED);
	pthread_mutex_unlock(&ga->lock);
	linger(ga, gen);
}

/* Those that a dlclose further up the stack was to take: it has come to its end. */
void retire_look(struct goaudit *ga)
{
	struct generation *gen, *out;

	if (!__atomic_load_n(&ga->linger.leaving, __ATOMIC_RELAXED))
		return;
	do {
		pthread_mutex_lock(&ga->lock);
		for (gen = ga->registry.live, out = NULL; gen && !out; gen = gen->next_live)
			if (gen->leaving && !ldso_lists(ga, gen->map, gen->info->snapshot))
				out = gen;
		pthread_mutex_unlock(&ga->lock);
		if (out)
			gone(ga, out);
	} while (out);
}

/* May a C generation still be executing, or be looked at? */
static bool is_busy(struct goaudit *ga, const struct generation *gen)
{
	if (gen->kept || gen->unmapping || gen->unseen || gen->users)
		return true;
	if (!gen->entered)
		return false;
	gate_settle(ga);
	return gate_busy(ga, gen);
}

/* It is retired and is_busy. */
static void wait_until_left(struct goaudit *ga, struct generation *gen)
{
	char text[sizeof gen->info->holders];

	if (gen->unmapping)
		return;
	if (gen->unseen)
		linger_name(ga, gen, false, text, sizeof text);
	else if (gen->users)
		text_copy(text, sizeof text, "a guest that needs it");
	else
		text_copy(text, sizeof text, "a call of the host is under way");
	pthread_mutex_lock(&ga->lock);
	set_waiting(ga, gen);
	pthread_mutex_unlock(&ga->lock);
	held_by(ga, gen, gen->unseen || gen->users ? GO_HOLDER_LOADER : GO_HOLDER_CALL, text);
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
	if (go)
		return;
	if (is_busy(ga, gen))
		wait_until_left(ga, gen);	/* for retire_try */
	else
		retire_unmap(ga, gen);
}

/* A C generation that dlreload has replaced may still be executing below the
 * caller; there is no way to know.  It is kept until the guest's next step. */
void retire_replaced(struct goaudit *ga, struct guest *guest)
{
	struct generation *gen, *next;

	for (gen = guest->all; gen; gen = next) {
		next = gen->next;
		/* Its own destructors may bring us here again. */
		if (gen->info->state != GOAUDIT_RETIRED || gen->info->is_go)
			continue;
		if (is_busy(ga, gen))
			wait_until_left(ga, gen);
		else
			retire_unmap(ga, gen);
	}
}

/* A generation that was hidden to make way for one that failed. */
void retire_undo(struct goaudit *ga, struct generation *old)
{
	if (!old || old->info->state != GOAUDIT_OPEN || !old->hidden)
		return;
	if (!retire_is_unreferenced(old) || needed_wanted(ga, old)) {
		debugger_reinsert(ga, old);
		return;
	}
	/* All have closed it meanwhile (close_step). */
	if (!old->reloadable && !old->users) {
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
	held_by(ga, gen, GO_HOLDER_CALL, "the caller of dlreload may be executing in it, "
		"until the guest's next step");
}

/* --- those that could not go ---------------------------------------------- */

/* What ld.so did not let us do (LDSO_NOT_CALLED). */
static void unstrand(struct goaudit *ga, struct generation *gen)
{
	struct generation *current = gen->guest->current;

	pthread_mutex_lock(&ga->lock);
	ga->linger.waiting--;
	gen->stranded = gen->waiting = false;
	pthread_mutex_unlock(&ga->lock);
	retire_hide(ga, gen);
	retire_generation(ga, gen);
	if (current && current->hidden)
		retire_undo(ga, current);
}

void retire_strand(struct goaudit *ga, struct generation *gen)
{
	pthread_mutex_lock(&ga->lock);
	gen->stranded = true;
	set_waiting(ga, gen);
	registry_set_state(ga, gen, GOAUDIT_RETIRED);
	pthread_mutex_unlock(&ga->lock);
	held_by(ga, gen, GO_HOLDER_LOADER, LDSO_NOT_CALLED);
}

/* Is it worth a try?  Not while a thread has destructors in it; the others are tried
 * more and more seldom, for a try costs ld.so a look at all objects. */
static bool is_due(const struct goaudit *ga, const struct generation *gen, bool all)
{
	uint64_t now = ga->linger.step;

	if (!gen->waiting || gen->kept || gen->tried_at == now ||
	    (gen->threads && (gen->closed || gen->unseen)))
		return false;
	return all || !gen->tries || now - gen->tried_at >= 1ull << (gen->tries < 6 ? gen->tries : 6);
}

#define TRIED_TOGETHER 16

struct retry {
	struct goaudit *ga;
	bool all;
};

static unsigned take_due(const struct retry *r, struct generation **due)
{
	struct goaudit *ga = r->ga;
	unsigned n = 0;

	pthread_mutex_lock(&ga->lock);
	for (struct generation *g = ga->registry.live; g && n < TRIED_TOGETHER;
	     g = g->next_live)
		if (is_due(ga, g, r->all)) {
			g->tried_at = ga->linger.step;
			g->tries++;
			due[n++] = g;
		}
	pthread_mutex_unlock(&ga->lock);
	return n;
}

static void try_waiting(void *arg)
{
	const struct retry *r = arg;
	struct goaudit *ga = r->ga;
	struct generation *due[TRIED_TOGETHER];
	unsigned n;

	pthread_mutex_lock(&ga->lock);
	ga->linger.step++;
	pthread_mutex_unlock(&ga->lock);
	do {
		n = take_due(r, due);
		for (unsigned i = 0; i < n; i++) {
			/* The destructors of one may have brought another one on. */
			if (!due[i]->waiting || due[i]->kept)
				continue;
			if (due[i]->stranded)
				unstrand(ga, due[i]);
			else if (due[i]->closed || !is_busy(ga, due[i]))
				retire_unmap(ga, due[i]);
		}
	} while (r->all && n == TRIED_TOGETHER);
}

void retire_try(struct goaudit *ga, bool all)
{
	struct retry r = { .ga = ga, .all = all };

	if (__atomic_load_n(&ga->linger.waiting, __ATOMIC_RELAXED) && !ga->exiting &&
	    !ldso_transaction(ga, try_waiting, &r))
		goaudit_log(ga, "retired generations are not unmapped now: %s",
			    LDSO_NOT_CALLED);
}
