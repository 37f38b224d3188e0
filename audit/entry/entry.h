/* Entries: what the host calls in place of a guest's functions.
 *
 * The functions that dlsym finds in a guest are given out as entries (entrylib.h).  An
 * entry is for a name of a guest: it calls the function of that name in the generation
 * that the guest's table is of, so it outlives a reload, which replaces the table.  And
 * it counts the calls under way, per thread and generation: the Go runtime sees
 * goroutines, not the C frames of a call that is on its way into or out of a guest's
 * export, and a generation with calls under way is not unmapped.
 *
 * Calls by bindings to an object opened with RTLD_GLOBAL, or by a function pointer that
 * the guest itself hands out, are not counted, and such addresses end with their
 * generation; so do all on a machine without membarrier(2) or XSAVE.
 *
 * An entry passes STACK_WORDS words of stack arguments, and leads to one that passes
 * more where the function's code does not show that they are enough (wide.h).  An exception
 * that leaves a call ends it; a longjmp leaves it counted: the generation is then held. */
#ifndef GOAUDIT_ENTRY_ENTRY_H
#define GOAUDIT_ENTRY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "dlbind.h"
#include "goaudit.h"

struct entries;
struct generation;
struct guest;
struct target_table;

/* A symbol of libgoaudit-entries.so, which is loaded if need be.  Without locks. */
bool entry_symbol(struct entries *es, const char *name, void **symbol);

/* For a function that dlsym has found in gen, sets *address to the guest's entry, made
 * if need be; leaves it when it is none of gen's functions, or this machine cannot count
 * calls; sets it to NULL, and dlerror, when no entry can be made.  Returns false when gen
 * has been replaced meanwhile: look again.  Without locks. */
bool entry_for(struct entries *es, struct generation *gen, const char *name,
	       const char *version, void **address);

/* The names of the guest's entries, an array from malloc(3) of *n; they live as long as it.
 * NULL: out of memory.  Without locks. */
const char **entry_names(struct entries *es, const struct guest *guest, size_t *n);

/* A table of gen's functions for the guest's entries; NULL when it has none.  `lacks`
 * is set to the first name that gen does not have, if there is one: its entry would
 * trap.  Returns false when
 * out of memory.  Without locks. */
bool entry_prepare(struct entries *es, struct generation *gen, struct target_table **table,
		   const char **lacks);

/* Does it lead from all entries that the guest has now, or have more functions been
 * looked up since the table was made?  Without locks. */
bool entry_is_complete(struct entries *es, const struct generation *gen,
		       const struct target_table *table);

/* The same with core.lock. */
bool entry_fits_locked(const struct generation *gen, const struct target_table *table);

/* Leads all entries of the guest, and its handle, to gen.  With core.lock, in a
 * transaction.  Returns false if functions have been looked up since the table was made:
 * another one is needed. */
bool entry_switch_locked(struct entries *es, struct generation *gen,
			 struct target_table *table);

/* Gives a table back that entry_switch_locked has not taken.  NULL is allowed.  Without locks. */
void entry_discard(struct entries *es, struct target_table *table);

/* A generation is gone: entries that lead to it trap.  With core.lock. */
void entry_forget_locked(struct entries *es, struct generation *gen);

/* The guest is no more, nobody finds it, and all its generations are gone: its entries are
 * others'.  Without locks. */
void entry_release(struct entries *es, struct guest *guest);

/* The guest whose entry in use an address is; NULL: none.  Without locks, from anywhere. */
const struct guest *entry_guest(const struct entries *es, const void *address);

/* The function behind an address if that is an entry in use, else the address. */
const void *entry_target(const struct entries *es, const void *address);

#endif
