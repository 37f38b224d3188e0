#include "reload/retire.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/log.h"
#include "core/text.h"
#include "dlbind.h"
#include "entry/calls.h"
#include "entry/entries.h"
#include "entry/entry.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "guest/retired.h"
#include "loader/debugger.h"
#include "loader/folder.h"
#include "loader/ldso.h"
#include "loader/transaction.h"
#include "loader/vacant.h"
#include "reload/hooks.h"
#include "reload/linger.h"
#include "reload/pins.h"
#include "reload/registered.h"
#include "reload/reloads.h"
#include "reload/threads.h"
#include "reload/users.h"

bool retire_is_unreferenced(const struct generation *gen)
{
	return !gen->info->references && !gen->permanent;
}

/* Its record says who holds it, and retire_try looks at it again. */
static void set_waiting(struct reloads *rl, struct generation *gen)
{
	rl->linger.waiting += !gen->waiting;
	gen->waiting = true;
}

static void held_by(struct reloads *rl, struct generation *gen, uint32_t holder,
		    const char *text)
{
	struct goaudit_generation *info = gen->info;
	bool new;

	pthread_mutex_lock(&rl->core->lock);
	new = strcmp(info->holders, text) != 0;
	records_begin_locked();
	info->attempts++;
	info->holder = holder;
	info->goroutine = 0;
	text_copy(info->holders, sizeof info->holders, text);
	snprintf(info->holder_text, sizeof info->holder_text, "%.*s", (int)strcspn(text, "\n"),
		 text);
	records_end_locked();
	pthread_mutex_unlock(&rl->core->lock);
	if (new)
		log_line(rl->core, "%s: generation %u is held:\n%s", gen->guest->path,
			 info->number, text);
}

/* Nothing of it is mapped any more. */
static void gone(struct reloads *rl, struct generation *gen)
{
	folder_remove(rl->loader, gen->info->snapshot);
	pthread_mutex_lock(&rl->core->lock);
	if (gen->guest->current == gen)
		gen->guest->current = NULL;
	retire_gone_locked(rl, gen);
	pthread_mutex_unlock(&rl->core->lock);
}

/* Gives our reference back; returns whether ld.so has unmapped the object. */
static bool close_map(struct reloads *rl, struct generation *gen)
{
	const char *name = gen->info->snapshot;
	struct call plain = { .kind = CALL_PLAIN };
	struct link_map *map = gen->object.map;
	bool hidden = gen->object.hidden;

	if (gen->closed && !hidden && !ldso_lists(rl->loader, map, name))
		return true;
	/* _dl_close_worker counts the objects in the list, so it must be back in
	 * it; the debugger is not told. */
	if (hidden)
		ldso_reinsert(rl->loader, map, gen->object.global);
	gen->object.hidden = false;
	if (gen->closed) { /* a reference to give back once more */
		call_push(rl->loader, &plain);
		map = dlmopen(LM_ID_BASE, name, RTLD_LAZY | RTLD_NOLOAD);
		call_pop(rl->loader, &plain);
		if (!map)
			return !ldso_lists(rl->loader, gen->object.map, name);
	}
	gen->closed = true;
	users_expose(rl, gen);
	if (hidden)
		debugger_close(rl->loader, map);
	else
		dlclose(map);
	users_cover(rl, gen);
	return !ldso_lists(rl->loader, map, name);
}

/* ld.so has not unmapped it.  What it is needed for is the same for a parked one: code and
 * data where they are.  A dlclose that is under way may take it yet, but only from the
 * link map. */
static void linger(struct reloads *rl, struct generation *gen)
{
	char text[sizeof gen->info->holders];
	bool nested = ldso_is_closing(rl->loader);

	linger_name(rl, gen, nested, text, sizeof text);
	if (nested) {
		pins_release(gen);
		retire_needed(rl, gen);
	} else {
		if (!gen->pins.bound) /* given back, or none yet */
			pins_take_needed(rl, gen);
		retire_hide(rl, gen);
	}
	pthread_mutex_lock(&rl->core->lock);
	set_waiting(rl, gen);
	if (!gen->tries)
		gen->tried_at = rl->linger.step + 1; /* not at this step's end */
	rl->linger.leaving += nested - gen->leaving;
	gen->leaving = nested;
	pthread_mutex_unlock(&rl->core->lock);
	held_by(rl, gen, HOLDER_LOADER, text);
}

void retire_unmap(struct reloads *rl, struct generation *gen)
{
	uint64_t begin = clock_ns();
	bool out;

	gen->unmapping = true;
	threads_leave(rl, gen);
	registered_leave(rl, gen);
	out = close_map(rl, gen);
	if (out) {
		/* A runtime that has to let go of it may remember program counters of it. */
		if (gen->reaped || debugger_forgets_nothing(rl->loader))
			vacant_keep(rl->loader, gen->info->lo, gen->info->hi);
		pins_release(gen);
		retire_needed(rl, gen);
		/* Before anybody reads that it is gone. */
		gen->info->unload_ns += clock_ns() - begin;
		gone(rl, gen);
	} else {
		linger(rl, gen);
	}
}

void retire_failed(struct reloads *rl, struct generation *gen)
{
	pthread_mutex_lock(&rl->core->lock);
	gen->owner = NULL;
	gen->rolled_back = gen->unmapping = gen->closed = true;
	registry_set_state_locked(rl->guests, gen, GOAUDIT_RETIRED);
	pthread_mutex_unlock(&rl->core->lock);
	linger(rl, gen);
}

/* Those that a dlclose further up the stack was to take: it has come to its end. */
void retire_look(struct reloads *rl)
{
	struct generation *gen, *out;

	if (!__atomic_load_n(&rl->linger.leaving, __ATOMIC_RELAXED))
		return;
	do {
		pthread_mutex_lock(&rl->core->lock);
		for (gen = rl->guests->registry.live, out = NULL; gen && !out;
		     gen = gen->next_live)
			if (gen->leaving &&
			    !ldso_lists(rl->loader, gen->object.map, gen->info->snapshot))
				out = gen;
		pthread_mutex_unlock(&rl->core->lock);
		if (out)
			gone(rl, out);
	} while (out);
}

/* What its language knows of. */
static bool is_held(struct reloads *rl, struct generation *gen, char *out, size_t size)
{
	return gen->adapter->held && gen->adapter->held(rl->adapters, gen, out, size);
}

bool retire_is_used(struct reloads *rl, const struct generation *gen)
{
	bool held;

	pthread_mutex_lock(&rl->core->lock);
	held = threads_hold_locked(rl, gen);
	pthread_mutex_unlock(&rl->core->lock);
	return held || registered_hold(rl, gen, NULL, NULL);
}

/* So many that others have replaced are kept.  Nothing can tell whether the program has
 * objects of a class yet. */
#define OLD_WITH_CLASSES 2

unsigned retire_keeps(const struct reloads *rl, const struct generation *gen)
{
	const struct settings *s = &rl->core->settings;

	return s->old_by_language ? gen->has_classes * OLD_WITH_CLASSES : s->old_generations;
}

/* Is it one of its guest's last, to be kept while the guest is there? */
static bool is_kept_back(struct reloads *rl, const struct generation *gen)
{
	unsigned newer = 0, keeps = retire_keeps(rl, gen);

	if (gen->rolled_back || !keeps || !gen->guest->current)
		return false;
	for (const struct generation *g = gen->guest->all; g && g != gen; g = g->next)
		newer += g->info->state == GOAUDIT_RETIRED && !g->rolled_back;
	return newer < keeps;
}

static bool is_called(struct reloads *rl, const struct generation *gen)
{
	if (!gen->entered)
		return false;
	calls_barrier(rl->entries);
	return calls_under_way(rl->entries, gen);
}

/* May a generation that is not the reaper's still be executing, or be looked at? */
static bool is_busy(struct reloads *rl, struct generation *gen)
{
	char text[sizeof gen->info->holders] = ""; /* nothing old for a collector to find */

	return gen->kept || gen->unmapping || is_kept_back(rl, gen) || gen->users ||
	       retire_is_used(rl, gen) || is_called(rl, gen) ||
	       is_held(rl, gen, text, sizeof text);
}

/* It is retired and is_busy. */
static void wait_until_left(struct reloads *rl, struct generation *gen)
{
	char text[sizeof gen->info->holders] = ""; /* as above */
	uint32_t holder = HOLDER_LOADER;

	if (gen->unmapping)
		return;
	registry_keep_old(rl->guests, gen, is_kept_back(rl, gen));
	if (gen->kept_old) {
		holder = HOLDER_KEPT;
		text_copy(text, sizeof text, "GOAUDIT_OLD_GENERATIONS, as one of the last");
	} else if (retire_is_used(rl, gen)) {
		linger_name(rl, gen, false, text, sizeof text);
	} else if (gen->users) {
		text_copy(text, sizeof text, "a guest that needs it");
	} else if (is_called(rl, gen) || !is_held(rl, gen, text, sizeof text)) {
		holder = HOLDER_CALL;
		text_copy(text, sizeof text, "a call of the host is under way");
	} else {
		holder = HOLDER_RUNNING;
	}
	pthread_mutex_lock(&rl->core->lock);
	set_waiting(rl, gen);
	pthread_mutex_unlock(&rl->core->lock);
	held_by(rl, gen, holder, text);
}

/* What only it needs leaves and comes with it.  They call each other. */
static void follow(struct reloads *rl, struct generation *gen);

void retire_unlist(struct reloads *rl, struct generation *gen)
{
	debugger_hide(rl->loader, &gen->object);
	follow(rl, gen);
}

void retire_hide(struct reloads *rl, struct generation *gen)
{
	pins_take_bound(rl, gen);
	retire_unlist(rl, gen);
}

void retire_relist(struct reloads *rl, struct generation *gen)
{
	debugger_reinsert(rl->loader, &gen->object);
	follow(rl, gen);
}

static void follow(struct reloads *rl, struct generation *gen)
{
	for (unsigned i = 0; i < gen->pins.needs; i++) {
		struct generation *need = gen->pins.need[i];
		enum goaudit_state state = need->info->state;
		bool wanted = users_wanted(rl, need);

		if (need->info->references || need->object.hidden != wanted)
			continue;
		if (wanted && (state == GOAUDIT_PARKED || state == GOAUDIT_SUPERSEDED)) {
			retire_relist(rl, need);
			if (state == GOAUDIT_PARKED)
				users_set_state(rl, need, GOAUDIT_OPEN);
		} else if (!wanted && (state == GOAUDIT_OPEN || state == GOAUDIT_SUPERSEDED)) {
			retire_hide(rl, need);
			if (need->object.hidden && state == GOAUDIT_OPEN)
				users_set_state(rl, need, GOAUDIT_PARKED);
		}
	}
}

void retire_generation(struct reloads *rl, struct generation *gen)
{
	hooks_mark_closed(rl, gen);
	pthread_mutex_lock(&rl->core->lock);
	if (gen->guest->current == gen)
		gen->guest->current = NULL;
	registry_set_state_locked(rl->guests, gen, GOAUDIT_RETIRED);
	if (gen->reaped)
		retired_add_locked(rl->guests, gen);
	pthread_mutex_unlock(&rl->core->lock);
	if (gen->reaped)
		return;
	if (is_busy(rl, gen))
		wait_until_left(rl, gen); /* for retire_try */
	else
		retire_unmap(rl, gen);
}

/* A C generation that dlreload has replaced may still be executing below the
 * caller; there is no way to know.  It is kept until the guest's next step. */
void retire_replaced(struct reloads *rl, struct guest *guest)
{
	struct generation *gen, *next;

	for (gen = guest->all; gen; gen = next) {
		next = gen->next;
		/* Its own destructors may bring us here again. */
		if (gen->info->state != GOAUDIT_RETIRED || gen->reaped)
			continue;
		if (is_busy(rl, gen))
			wait_until_left(rl, gen);
		else
			retire_unmap(rl, gen);
	}
}

void retire_undo(struct reloads *rl, struct generation *old)
{
	if (!old || old->info->state != GOAUDIT_OPEN || !old->object.hidden)
		return;
	if (!retire_is_unreferenced(old) || users_wanted(rl, old)) {
		retire_relist(rl, old);
		return;
	}
	/* All have closed it meanwhile (close_step). */
	if (!old->reloadable && !old->users) {
		retire_generation(rl, old);
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	registry_set_state_locked(rl->guests, old, GOAUDIT_PARKED);
	pthread_mutex_unlock(&rl->core->lock);
}

void retire_below_caller(struct reloads *rl, struct generation *gen)
{
	if (gen->reaped) {
		retire_generation(rl, gen);
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	registry_set_state_locked(rl->guests, gen, GOAUDIT_RETIRED); /* until retire_replaced */
	pthread_mutex_unlock(&rl->core->lock);
	held_by(rl, gen, HOLDER_CALL,
		"the caller of dlreload may be executing in it, "
		"until the guest's next step");
}

/* --- those that could not go ---------------------------------------------- */

/* What ld.so did not let us do (LDSO_NOT_CALLED). */
static void unstrand(struct reloads *rl, struct generation *gen)
{
	struct generation *current = gen->guest->current;

	pthread_mutex_lock(&rl->core->lock);
	rl->linger.waiting--;
	gen->stranded = gen->waiting = false;
	pthread_mutex_unlock(&rl->core->lock);
	retire_hide(rl, gen);
	retire_generation(rl, gen);
	if (current && current->object.hidden)
		retire_undo(rl, current);
}

void retire_strand(struct reloads *rl, struct generation *gen)
{
	pthread_mutex_lock(&rl->core->lock);
	gen->stranded = true;
	set_waiting(rl, gen);
	registry_set_state_locked(rl->guests, gen, GOAUDIT_RETIRED);
	pthread_mutex_unlock(&rl->core->lock);
	held_by(rl, gen, HOLDER_LOADER, LDSO_NOT_CALLED);
}

/* Is it worth a try?  Not while another thread has something in it; the others are tried
 * more and more seldom, for a try costs ld.so a look at all objects. */
static bool is_due_locked(struct reloads *rl, const struct generation *gen, bool all)
{
	uint64_t now = rl->linger.step;

	if (!gen->waiting || gen->kept || gen->tried_at == now || threads_hold_locked(rl, gen))
		return false;
	return all || !gen->tries ||
	       now - gen->tried_at >= 1ull << (gen->tries < 6 ? gen->tries : 6);
}

#define TRIED_TOGETHER 16

struct retry {
	struct reloads *rl;
	bool all;
};

static unsigned take_due(const struct retry *r, struct generation **due)
{
	struct reloads *rl = r->rl;
	unsigned n = 0;

	pthread_mutex_lock(&rl->core->lock);
	for (struct generation *g = rl->guests->registry.live; g && n < TRIED_TOGETHER;
	     g = g->next_live)
		if (is_due_locked(rl, g, r->all)) {
			g->tried_at = rl->linger.step;
			g->tries++;
			due[n++] = g;
		}
	pthread_mutex_unlock(&rl->core->lock);
	return n;
}

static void try_waiting(void *arg)
{
	const struct retry *r = arg;
	struct reloads *rl = r->rl;
	struct generation *due[TRIED_TOGETHER];
	unsigned n;

	pthread_mutex_lock(&rl->core->lock);
	rl->linger.step++;
	pthread_mutex_unlock(&rl->core->lock);
	do {
		n = take_due(r, due);
		for (unsigned i = 0; i < n; i++) {
			/* The destructors of one may have brought another one on. */
			if (!due[i]->waiting || due[i]->kept)
				continue;
			if (due[i]->stranded)
				unstrand(rl, due[i]);
			else if (due[i]->closed || !is_busy(rl, due[i]))
				retire_unmap(rl, due[i]);
		}
	} while (r->all && n == TRIED_TOGETHER);
}

void retire_try(struct reloads *rl, bool all)
{
	struct retry r = { .rl = rl, .all = all };

	if (__atomic_load_n(&rl->linger.waiting, __ATOMIC_RELAXED) && !rl->core->exiting &&
	    !transaction_run(rl->loader, try_waiting, &r))
		log_line(rl->core, "retired generations are not unmapped now: %s",
			 LDSO_NOT_CALLED);
}

/* Whoever has passed it over because it was kept looks again. */
void retire_let_go(struct reloads *rl, struct generation *gen)
{
	pthread_mutex_lock(&rl->core->lock);
	gen->kept--;
	if (rl->guests->retired.queue)
		retired_ask_locked(rl->guests);
	pthread_cond_broadcast(&rl->core->changed);
	pthread_mutex_unlock(&rl->core->lock);
	retire_try(rl, false);
}

void retire_gone_locked(struct reloads *rl, struct generation *gen)
{
	entry_forget_locked(rl->entries, gen);
	registered_gone_locked(rl, gen);
	rl->linger.waiting -= gen->waiting;
	rl->linger.leaving -= gen->leaving;
	gen->waiting = gen->leaving = false;
	registry_set_state_locked(rl->guests, gen, GOAUDIT_GONE);
}

/* Handle and entries of the library's guest lead to it. */
void retire_serve(struct reloads *rl, struct generation *gen)
{
	struct target_table *table;
	const char *lacks;
	bool done = false;

	while (!done && entry_prepare(rl->entries, gen, &table, &lacks)) {
		pthread_mutex_lock(&rl->core->lock);
		done = entry_switch_locked(rl->entries, gen, table);
		pthread_mutex_unlock(&rl->core->lock);
		if (!done)
			entry_discard(rl->entries, table);
	}
}

/* What is left of the library's guest when a generation goes that was current. */
static void fall_back(struct reloads *rl, struct guest *guest)
{
	struct generation *gen;

	for (gen = guest->all; gen; gen = gen->next)
		if (gen->users && gen->object.map && !gen->unmapping &&
		    gen->info->state == GOAUDIT_SUPERSEDED)
			break;
	if (!gen)
		return;
	pthread_mutex_lock(&rl->core->lock);
	guest->current = gen;
	registry_set_state_locked(rl->guests, gen,
				  gen->object.hidden ? GOAUDIT_PARKED : GOAUDIT_OPEN);
	pthread_mutex_unlock(&rl->core->lock);
	retire_serve(rl, gen);
}

static void leave(struct reloads *rl, struct generation *gen)
{
	bool current = gen->guest->current == gen;

	pthread_mutex_lock(&rl->core->lock);
	registry_remove_user_locked(gen);
	pthread_mutex_unlock(&rl->core->lock);
	if (gen->users || gen->owner || !retire_is_unreferenced(gen))
		return;
	if (gen->info->state == GOAUDIT_RETIRED) {
		retire_replaced(rl, gen->guest);
	} else if (gen->reloadable && current) {
		/* The host has opened it, too: it is kept for a reopen. */
		if (!gen->object.hidden)
			retire_hide(rl, gen);
		users_set_state(rl, gen, GOAUDIT_PARKED);
	} else {
		retire_hide(rl, gen);
		retire_generation(rl, gen);
		if (current && !gen->guest->current)
			fall_back(rl, gen->guest);
	}
}

void retire_needed(struct reloads *rl, struct generation *gen)
{
	struct pins *pins = &gen->pins;

	while (pins->needs)
		leave(rl, pins->need[--pins->needs]);
	free(pins->need);
	pins->need = NULL;
}
