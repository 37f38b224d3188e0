/* The queue of retired generations.  Who adds to it does not wait for the reaper, which
 * drains it; everything here but retired_collected is called with core.lock. */
#ifndef GOAUDIT_GUEST_RETIRED_H
#define GOAUDIT_GUEST_RETIRED_H

#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct generation;
struct guest;
struct guests;

/* Queues a retired generation and wakes the thread.  With core.lock. */
void retired_add_locked(struct guests *gs, struct generation *gen);

/* Asks for another round.  With core.lock. */
void retired_ask_locked(struct guests *gs);

/* Go has collected garbage, and something is held.  Without our lock. */
void retired_collected(struct guests *gs);

/* Takes one out that is going to be unmapped. */
void retired_remove_locked(struct guests *gs, struct generation *gen);

struct retired_total {
	unsigned n;
	uint64_t bytes;
	const struct generation *oldest;
};

/* What has been retired and is not unmapped. */
struct retired_total retired_count_locked(const struct guests *gs);

/* How many are left of a guest (NULL: of all). */
int retired_left_locked(struct guests *gs, const struct guest *guest);

/* Puts one into the queue, or back into it. */
void retired_queue_locked(struct guests *gs, struct generation *gen);

#endif
