#include "reload/recover.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../dlbind/linkmap.h"
#include "core/arch.h"
#include "core/core.h"
#include "core/text.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "reload/reloads.h"
#include "reload/retire.h"

/* It is kept mapped for ever.  With our lock. */
static void keep_locked(struct reloads *rl, struct generation *gen, const char *why)
{
	gen->kept = 1;
	gen->tried = UINT64_MAX;
	if (gen->info->state != GOAUDIT_RETIRED)
		registry_set_state_locked(rl->guests, gen, GOAUDIT_RETIRED);
	records_begin_locked();
	text_copy(gen->info->holder_text, sizeof gen->info->holder_text, why);
	text_copy(gen->info->holders, sizeof gen->info->holders, why);
	records_end_locked();
}

/* The thread that loads or initialises it is no more.  With our lock. */
static void give_up_locked(struct reloads *rl, struct generation *gen)
{
	struct guest *guest = gen->guest;

	if (guest->current == gen)
		guest->current = gen->before;
	gen->owner = NULL;
	gen->rolled_back = true;
	if (gen->object.map) {
		keep_locked(rl, gen,
			    "a thread that was initialising it when this process was "
			    "forked");
		return;
	}
	guest->generations--;
	retire_gone_locked(rl, gen);
}

void recover_forked(struct reloads *rl)
{
	const void *self = arch_thread_pointer();
	struct generation *gen, *next;

	for (gen = rl->guests->registry.live; gen; gen = next) {
		next = gen->next_live;
		gen->kept = 0; /* by threads that are no more */
		gen->leaver = NULL;
		gen->tell = false;
		if (gen->owner && gen->owner != self)
			give_up_locked(rl, gen);
		else if (gen->unmapping && !rl->loader->calls)
			keep_locked(rl, gen,
				    "a thread that was unmapping it when this process "
				    "was forked");
	}
	rl->tell = 0;
	rl->interrupted = rl->guests->registry.live != NULL;
}

static bool is_listed(const struct reloads *rl, const struct link_map *map)
{
	const struct link_map *m = rl->loader->ldso.ns->loaded;

	while (m && m != map)
		m = m->l_next;
	return m != NULL;
}

/* Follows the interrupted commit of a newer one. */
static void replace(struct reloads *rl, struct generation *gen)
{
	if (retire_is_unreferenced(gen)) {
		retire_generation(rl, gen);
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	registry_set_state_locked(rl->guests, gen, GOAUDIT_SUPERSEDED);
	pthread_mutex_unlock(&rl->core->lock);
}

static void settle(struct reloads *rl, struct generation *gen)
{
	const struct generation *current = gen->guest->current;
	enum goaudit_state state = gen->info->state;

	gen->object.hidden = !is_listed(rl, gen->object.map);
	if (!gen->object.hidden && state != GOAUDIT_OPEN && state != GOAUDIT_SUPERSEDED)
		gen->rolled_back ? retire_unlist(rl, gen) : retire_hide(rl, gen);
	else if (state == GOAUDIT_OPEN && gen == current)
		retire_undo(rl, gen);
	else if (state == GOAUDIT_OPEN && current)
		replace(rl, gen);
}

void recover(struct reloads *rl)
{
	const void *self = arch_thread_pointer();
	struct generation *gen, *next;

	if (!rl->interrupted || ldso_validate(rl->loader))
		return;
	rl->interrupted = false;
	for (gen = rl->guests->registry.live; gen; gen = next) {
		next = gen->next_live;
		/* What this thread was in the middle of goes on. */
		if (gen->object.map && !gen->unmapping &&
		    !(gen->guest->current && gen->guest->current->owner == self))
			settle(rl, gen);
	}
}
