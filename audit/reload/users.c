#include "reload/users.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/core.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "loader/debugger.h"
#include "reload/reloads.h"

/* --- who needs whom ----------------------------------------------------------- */

bool users_reach(const struct generation *gen, const struct generation *other)
{
	for (unsigned i = 0; i < gen->pins.needs; i++)
		if (gen->pins.need[i] == other || users_reach(gen->pins.need[i], other))
			return true;
	return false;
}

bool users_reach_directly(const struct generation *gen, const struct generation *other)
{
	for (unsigned i = 0; i < gen->pins.needs; i++)
		if (gen->pins.need[i] == other)
			return true;
	return false;
}

bool users_add(struct reloads *rl, struct generation *gen, struct generation *other)
{
	struct pins *pins = &gen->pins;
	struct generation **more;

	/* In a circle nobody would be the first to go. */
	if (gen == other || users_reach_directly(gen, other) || users_reach(other, gen))
		return true;
	pthread_mutex_lock(&rl->core->lock);
	more = realloc(pins->need, (pins->needs + 1) * sizeof *more);
	if (more) {
		pins->need = more;
		more[pins->needs++] = other;
		registry_add_user_locked(rl->guests, other);
	}
	pthread_mutex_unlock(&rl->core->lock);
	return more != NULL;
}

bool users_wanted(const struct reloads *rl, const struct generation *gen)
{
	if (gen->info->references || !gen->users)
		return gen->info->references;
	if (gen->outside)
		return true;
	for (const struct generation *user = rl->guests->registry.live; user;
	     user = user->next_live)
		if (user->object.map && !user->object.hidden && users_reach_directly(user, gen))
			return true;
	return false;
}

void users_set_state(struct reloads *rl, struct generation *gen, enum goaudit_state state)
{
	pthread_mutex_lock(&rl->core->lock);
	registry_set_state_locked(rl->guests, gen, state);
	pthread_mutex_unlock(&rl->core->lock);
}

/* --- closing ---------------------------------------------------------------------- */

void users_expose(struct reloads *rl, struct generation *gen)
{
	for (unsigned i = 0; i < gen->pins.needs; i++) {
		struct generation *need = gen->pins.need[i];

		if (need->object.hidden && need->object.map && !need->exposed) {
			need->exposed = true;
			debugger_expose(rl->loader, need->object.map, true);
		}
		users_expose(rl, need);
	}
}

void users_cover(struct reloads *rl, struct generation *gen)
{
	for (unsigned i = 0; i < gen->pins.needs; i++) {
		struct generation *need = gen->pins.need[i];

		if (need->exposed)
			debugger_expose(rl->loader, need->object.map, false);
		need->exposed = false;
		users_cover(rl, need);
	}
}
