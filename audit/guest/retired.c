#include "guest/retired.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"

void retired_queue_locked(struct guests *gs, struct generation *gen)
{
	struct retired *r = &gs->retired;

	if (!r->tail)
		r->tail = &r->queue;
	gen->next_retired = NULL;
	*r->tail = gen;
	r->tail = &gen->next_retired;
}

void retired_add_locked(struct guests *gs, struct generation *gen)
{
	retired_queue_locked(gs, gen);
	gs->retired.queued++;
	retired_ask_locked(gs);
}

void retired_ask_locked(struct guests *gs)
{
	gs->retired.wanted++;
	pthread_cond_signal(&gs->retired.work);
}

void retired_collected(struct guests *gs)
{
	pthread_mutex_lock(&gs->core->lock);
	gs->retired.collected = true;
	pthread_cond_signal(&gs->retired.work);
	pthread_mutex_unlock(&gs->core->lock);
}

void retired_remove_locked(struct guests *gs, struct generation *gen)
{
	struct retired *r = &gs->retired;
	struct generation **p = &r->queue;

	while (*p && *p != gen)
		p = &(*p)->next_retired;
	if (!*p)
		return;
	*p = gen->next_retired;
	if (r->tail == &gen->next_retired)
		r->tail = p;
}

struct retired_total retired_count_locked(const struct guests *gs)
{
	struct retired_total t = { 0 };

	/* In the queue, or held by ld.so. */
	for (struct generation *g = gs->registry.live; g; g = g->next_live) {
		if (g->info->state != GOAUDIT_RETIRED || !g->reaped)
			continue;
		t.n++;
		t.bytes += g->info->hi - g->info->lo;
		t.oldest = g;
	}
	return t;
}

/* Has it been retired, and is it the guest's (NULL: anyone's)? */
static bool is_left(const struct generation *gen, const struct guest *guest)
{
	return gen->info->state == GOAUDIT_RETIRED && (!guest || gen->guest == guest);
}

int retired_left_locked(struct guests *gs, const struct guest *guest)
{
	int n = 0;

	for (struct generation *g = gs->registry.live; g; g = g->next_live)
		n += is_left(g, guest);
	return n;
}
