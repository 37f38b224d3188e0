/* What a hidden object needs of others.
 *
 * To ld.so a hidden object does not exist, so the objects that it needs are
 * garbage at the next dlclose of anything.  A reference of ours to each of them
 * keeps them as long as the generation lives. */
#ifndef GOAUDIT_PINS_H
#define GOAUDIT_PINS_H

#include <stdbool.h>

struct generation;
struct goaudit;

struct pins {
	unsigned n, room;
	void **handle;		/* of dlmopen, or NULL */
	unsigned needs;
	struct generation **need;	/* generations that it needs, see needed.h; changed with
					 * goaudit.lock, in transactions */
	bool bound;		/* those that it is bound to are among them */
};

/* References what a generation names in DT_NEEDED; with those, ld.so keeps what
 * they need in turn.  In a transaction, after the load. */
void pins_take_needed(struct goaudit *ga, struct generation *gen);

/* References what it is bound to besides, through the global scope.  In a
 * transaction, before it is hidden. */
void pins_take_bound(struct goaudit *ga, struct generation *gen);

/* Gives all back.  In a transaction, after its dlclose. */
void pins_release(struct goaudit *ga, struct generation *gen);

#endif
