/* Which generation an address lies in: a sorted table that is read without waiting, also in
 * a signal handler that has interrupted who changes it.
 *
 * There are two tables, of which `version` says which is read.  A change makes the other one,
 * and then raises the version; the one that was read until then is left alone until the next
 * change.  So what a reader has found is right if the version is still the same afterwards.
 * Tables that have become too small stay, for those who may be reading them.
 *
 * The highest address stands first: the kernel maps what is new below what is there, so most
 * changes are made at the end, and leave nothing to copy. */
#ifndef GOAUDIT_GUEST_ADDRESSES_H
#define GOAUDIT_GUEST_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

struct generation;

/* What is known of a range; what is asked for in signal handlers is here as it is. */
struct address_place {
	uintptr_t hi;
	struct generation *gen;
	void *handle, *context; /* of its guest */
};

struct addresses {
	uint64_t version; /* atomic */
	struct address_table {
		uintptr_t *lo; /* atomic, as all in it; the places stand behind these */
		struct address_place *place;
		uint32_t n, room;
	} table[2];
	uint32_t same; /* so many at the beginning of both are the same */
};

/* With core.lock.  Returns false when out of memory. */
bool addresses_add_locked(struct addresses *a, uintptr_t lo, const struct address_place *place);

/* Takes it out, if it is in.  With core.lock. */
void addresses_remove_locked(struct addresses *a, uintptr_t lo, const struct generation *gen);

/* Where an address lies; false: nowhere.  Without locks. */
bool addresses_find(const struct addresses *a, uintptr_t address, struct address_place *place);

#endif
