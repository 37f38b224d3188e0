/* What a hidden object needs of others.
 *
 * To ld.so a hidden object does not exist, so the objects that it needs are
 * garbage at the next dlclose of anything.  A reference of ours to each of them
 * keeps them as long as the generation lives. */
#ifndef GOAUDIT_RELOAD_PINS_H
#define GOAUDIT_RELOAD_PINS_H

struct generation;
struct reloads;

/* References what a generation names in DT_NEEDED; with those, ld.so keeps what
 * they need in turn.  In a transaction, after the load. */
void pins_take_needed(struct reloads *rl, struct generation *gen);

/* References what it is bound to besides, through the global scope.  In a
 * transaction, before it is hidden. */
void pins_take_bound(struct reloads *rl, struct generation *gen);

/* Gives all back.  In a transaction, after its dlclose. */
void pins_release(struct generation *gen);

#endif
