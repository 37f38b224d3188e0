/* Tables of targets, and the slots in which calls of a generation are counted. */
#ifndef GOAUDIT_ENTRY_TARGET_H
#define GOAUDIT_ENTRY_TARGET_H

#include <stdint.h>

struct entries;
struct generation;
struct guest_entries;
struct target_table;

/* A table of n targets of gen, for the entries of its guest; NULL: out of memory, or of
 * slots for counts.  With core.lock, as all here. */
struct target_table *target_take_locked(struct entries *es, struct generation *gen, uint32_t n);

/* Gives a table back that no entry leads to. */
void target_give_locked(struct entries *es, struct target_table *t);

/* Leads all entries of a guest by this table, which is of a generation. */
void target_publish_locked(struct entries *es, struct guest_entries *d, struct target_table *t,
			   struct generation *of);

#endif
