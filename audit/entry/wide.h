/* Functions with more arguments on the stack than an entry passes by itself, or with
 * nobody knows how many.  Their entry leads to goaudit_entry_wide (entry/host), which calls
 * them with as many words as they read (core/arguments.h), else with all of the caller's
 * frame as its unwind tables tell; where it has none, or there is no room for it, with
 * WIDE_PLAIN words, which the log says. */
#ifndef GOAUDIT_ENTRY_WIDE_H
#define GOAUDIT_ENTRY_WIDE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"

struct entries;
struct target_table;
struct wide;

/* Finds them in the library, and has it ask us.  Without locks. */
void wide_init(struct entries *es, const struct link_map *library);

/* How many words a function of a loaded object is to be passed; 0: all of the caller's
 * frame; WIDE_NOT: those of its entry.  Without locks. */
#define WIDE_NOT -1
int64_t wide_words(const struct link_map *map, const void *function);

/* Has a table's nth entry lead to a function, with that many words.  False: out of memory.
 * The table is nobody else's, or core.lock is held. */
bool wide_aim(const struct wide *wide, struct target_table *t, uint32_t n, void *function,
	      int64_t words);

/* The function that it leads to, and with how many words; words may be NULL. */
void *wide_aimed(const struct wide *wide, const struct target_table *t, uint32_t n,
		 int64_t *words);

/* An object is about to go, with frames of callers. */
void wide_forget(const struct wide *wide);

#endif
