#include "reload/recover.h"

#include "core/arch.h"
#include "loader/debugger.h"
#include "guest/records.h"
#include "reload/retire.h"
#include "api/goaudit.h"
#include "core/text.h"

/* It is kept mapped for ever.  With our lock. */
static void keep(struct goaudit *ga, struct generation *gen, const char *why)
{
	gen->kept = 1;
	gen->tried = UINT64_MAX;
	if (gen->info->state != GOAUDIT_RETIRED)
		registry_set_state(ga, gen, GOAUDIT_RETIRED);
	journal_begin();
	text_copy(gen->info->holder_text, sizeof gen->info->holder_text, why);
	text_copy(gen->info->holders, sizeof gen->info->holders, why);
	journal_end();
}

/* The thread that loads or initialises it is no more.  With our lock. */
static void give_up(struct goaudit *ga, struct generation *gen)
{
	struct guest *guest = gen->guest;

	if (guest->current == gen)
		guest->current = gen->before;
	gen->owner = NULL;
	gen->rolled_back = true;
	if (gen->map) {
		keep(ga, gen, "a thread that was initialising it when this process was "
			      "forked");
		return;
	}
	guest->generations--;
	registry_set_state(ga, gen, GOAUDIT_GONE);
}

void recover_forked(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();
	struct generation *gen, *next;

	for (gen = ga->registry.live; gen; gen = next) {
		next = gen->next_live;
		gen->kept = 0;		/* by threads that are no more */
		if (gen->owner && gen->owner != self)
			give_up(ga, gen);
		else if (gen->unmapping && !ga->calls)
			keep(ga, gen, "a thread that was unmapping it when this process "
				      "was forked");
	}
	ga->interrupted = ga->registry.live != NULL;
}

static bool is_listed(const struct goaudit *ga, const struct link_map *map)
{
	const struct link_map *m = ga->ldso.ns->loaded;

	while (m && m != map)
		m = m->l_next;
	return m != NULL;
}

/* Follows the interrupted commit of a newer one. */
static void replace(struct goaudit *ga, struct generation *gen)
{
	if (retire_is_unreferenced(gen)) {
		retire_generation(ga, gen);
		return;
	}
	pthread_mutex_lock(&ga->lock);
	registry_set_state(ga, gen, GOAUDIT_SUPERSEDED);
	pthread_mutex_unlock(&ga->lock);
}

static void settle(struct goaudit *ga, struct generation *gen)
{
	const struct generation *current = gen->guest->current;
	enum goaudit_state state = gen->info->state;

	gen->hidden = !is_listed(ga, gen->map);
	if (!gen->hidden && state != GOAUDIT_OPEN && state != GOAUDIT_SUPERSEDED)
		gen->rolled_back ? debugger_hide(ga, gen) : retire_hide(ga, gen);
	else if (state == GOAUDIT_OPEN && gen == current)
		retire_undo(ga, gen);
	else if (state == GOAUDIT_OPEN && current)
		replace(ga, gen);
}

void recover(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();
	struct generation *gen, *next;

	if (!ga->interrupted || ldso_validate(ga))
		return;
	ga->interrupted = false;
	for (gen = ga->registry.live; gen; gen = next) {
		next = gen->next_live;
		/* What this thread was in the middle of goes on. */
		if (gen->map && !gen->unmapping &&
		    !(gen->guest->current && gen->guest->current->owner == self))
			settle(ga, gen);
	}
}
