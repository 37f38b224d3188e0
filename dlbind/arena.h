/* Memory of one kind in a library. */
#ifndef DLBIND_ARENA_H
#define DLBIND_ARENA_H

#include "state.h"

size_t arena_side_words(size_t size);
uint64_t *arena_place(struct arena *a, uint64_t *words);
void arena_finish(struct arena *a);

/* Returns the address, or 0 with the error set. */
uintptr_t arena_alloc(struct arena *a, size_t size, size_t alignment);
void arena_free(struct arena *a, uint32_t start);
int arena_resize(struct arena *a, uint32_t start, size_t size);

/* The used block that an address lies in: its first granule, and how many. */
bool arena_block(const struct arena *a, uintptr_t address, uint32_t *start, uint32_t *granules);

/* The flags of granules, which stand among the words of the two sets. */
#define ARENA_STRIDE 4

static inline bool granule_test(const uint64_t *flags, uint32_t i)
{
	return flags[i / 64 * ARENA_STRIDE] >> (i % 64) & 1;
}

static inline void granule_set(uint64_t *flags, uint32_t i, bool value)
{
	uint64_t *word = &flags[i / 64 * ARENA_STRIDE], bit = 1ull << (i % 64);

	*word = value ? *word | bit : *word & ~bit;
}

static inline uintptr_t arena_address(const struct arena *a, uint32_t granule)
{
	return a->base + (uintptr_t)granule * GRANULE;
}

#endif
