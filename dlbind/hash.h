/* The tables that names are looked up in: .hash and .gnu.hash. */
#ifndef DLBIND_HASH_H
#define DLBIND_HASH_H

#include "state.h"

uint32_t hash_of(const char *name);
void hash_insert(struct library *lib, uint32_t slot);
void hash_remove(struct library *lib, uint32_t slot);
uint32_t hash_first(const struct library *lib, uint32_t hash);
uint32_t hash_next(const struct library *lib, uint32_t slot);
void hash_set_slots(struct library *lib, uint32_t slots);
/* Gives what the tables need for slots [from, to) memory, or takes it away: that
 * in HASH_STEADY only. */
int hash_back(struct library *lib, uint32_t from, uint32_t to);
void hash_unback(struct library *lib, uint32_t from, uint32_t to);
int hash_init(struct library *lib);
/* The table that ld.so and tools see. */
const struct hash_table *hash_visible(const struct library *lib);
bool hash_wants_step(const struct library *lib);
void hash_step(struct library *lib);

#endif
