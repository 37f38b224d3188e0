/* Which generation an address lies in: a sorted table that is read without waiting, also in
 * a signal handler that has interrupted who changes it.
 *
 * There are two tables, of which `version` says which is read.  A change makes the other one,
 * and then raises the version; the one that was read until then is left alone until the next
 * change.  So what a reader has found is right if the version is still the same afterwards.
 * Tables that have become too small stay, for those who may be reading them. */
#ifndef GOAUDIT_GUEST_ADDRESSES_H
#define GOAUDIT_GUEST_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct generation;

struct address_range {
	uintptr_t lo, hi;
	struct generation *gen;
};

struct addresses {
	uint64_t version; /* atomic */
	struct address_table {
		struct address_range *range; /* atomic, as all in it */
		uint32_t n, room;
	} table[2];
};

/* With core.lock.  Returns false when out of memory. */
bool addresses_add_locked(struct addresses *a, uintptr_t lo, uintptr_t hi,
			  struct generation *gen);

/* Takes it out, if it is in.  With core.lock. */
void addresses_remove_locked(struct addresses *a, uintptr_t lo, const struct generation *gen);

/* Where an address lies, NULL: nowhere; and the version that this is of.  Without locks: who
 * has none and reads the generation asks addresses_same afterwards, and again if it is not. */
struct generation *addresses_find(const struct addresses *a, uintptr_t address,
				  uint64_t *version);
bool addresses_same(const struct addresses *a, uint64_t version);

#endif
