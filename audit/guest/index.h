/* What leads to a record in nearly constant time: a hash table whose chains go through the
 * records.  It grows with what is in it; where there is no memory for that, its chains get
 * longer.  With core.lock. */
#ifndef GOAUDIT_GUEST_INDEX_H
#define GOAUDIT_GUEST_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_link {
	struct index_link *next;
	uint64_t hash;
	bool in;
};

#define INDEX_FIRST 64

struct index {
	struct index_link *few[INDEX_FIRST];
	struct index_link **bucket; /* NULL: few */
	size_t size, n;             /* buckets: a power of two; links */
};

uint64_t index_hash_text(const char *text);
uint64_t index_hash_number(uint64_t number);

/* Puts a record in; one that is in changes its place. */
void index_put(struct index *index, struct index_link *link, uint64_t hash);

/* Takes it out, if it is in. */
void index_remove(struct index *index, struct index_link *link);

/* Those with that hash, one after another; NULL: no more. */
struct index_link *index_first(const struct index *index, uint64_t hash);
struct index_link *index_next(const struct index_link *link);

/* The record that a link is a member of. */
#define INDEX_RECORD(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

#endif
