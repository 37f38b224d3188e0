/* The gate: who is inside a guest, on the host's side of the stack, and where a
 * call goes.
 *
 * The functions that dlsym finds in a guest are given out as entries (facade.h).  An
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
 * An entry passes GATE_STACK_WORDS words of stack arguments, and leads to one that passes
 * more where the function's code does not show that they are enough (wide.h).  An exception
 * that leaves a call ends it; a longjmp leaves it counted: the generation is then held. */
#ifndef GOAUDIT_GATE_H
#define GOAUDIT_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry/entrylib.h"
#include "entry/wide.h"

struct generation;
struct goaudit;
struct guest;

#define GATE_STACK_WORDS 16	/* as in arch_*.S */
#define GATE_COLUMNS 16382	/* more generations than a process may have mappings for */
#define GATE_SIZES 20		/* of tables: powers of 2 */

/* A thread's counts.  Blocks are never freed, and used again when their thread
 * is gone.  Only the thread writes its counts; a call is under way while the two of
 * its column differ.  (Two, so that a call does not wait for the last one's store.)
 * Low columns are taken first: of a block's pages one is touched, as a rule. */
struct gate_thread {
	int32_t tid;			/* 0: nobody's */
	uint32_t unused;
	struct gate_thread *next;	/* constant */
	struct gate_calls { uint32_t begun, ended; } calls[GATE_COLUMNS];
};

/* Of one generation at a time. */
struct gate_column {
	const struct generation *of;
	struct gate_table *free;	/* tables that its calls may still be reading */
};

/* Where the entries of a guest lead.  Until its generation is gone a call under way
 * may read it.  Later it is used again as a table of the same column, and never freed: a
 * thread may have read its address and not counted its call yet. */
struct gate_table {
	uint64_t column;		/* offset of the counts in a thread's block; constant */
	uint32_t n;			/* targets */
	uint32_t size;			/* capacity is 1 << size */
	struct gate_table *next;	/* of the same generation, or free */
	struct wide_target *wide;	/* of the same capacity; NULL: none is needed */
	void *target[];
};

/* A function of a guest that has an entry. */
struct gate_door {
	char *name, *version;
	void *entry;
	struct facade *facade;
	bool shown;			/* facade_show is done */
};

/* A guest's part.  Guarded by goaudit.lock. */
struct gate_doors {
	struct gate_table *table;	/* NULL: no entry yet; also in the facades' cells */
	struct generation *of;		/* the generation that it leads to */
	struct gate_door *door;
	uint32_t n, capacity;		/* doors; n is also the table's */
	struct facade *facades;		/* newest first */
	struct facade_chunk *room;	/* the one with entries left; NULL: none */
};

struct gate {
	struct gate_thread *threads;	/* grows at the head, by compare and swap */
	struct facade_chunk *chunks;	/* grows at the head, with goaudit.lock */
	/* Of libgoaudit-entries.so. */
	void (*prepare)(void);		/* goaudit_entry_prepare; NULL: not loaded (yet) */
	const void *enlist, *copy;	/* goaudit_entry_enlist, goaudit_entry_copy */
	const void *personality;	/* goaudit_entry_personality */
	struct wide wide;
	void *after_unload;		/* what entries lead to at the very end, */
	void *lacking;			/* and where a build lacks their function */
	int32_t block;			/* where a thread's block is pointed to */
	size_t saved;			/* see arch_saved_registers */
	bool failed;			/* this machine cannot count calls */
	bool lost;			/* some calls are not counted */
	int forking;			/* the thread that forks */
	/* The rest is guarded by goaudit.lock. */
	uint32_t columns;		/* that have ever been used; atomic */
	struct gate_column column[GATE_COLUMNS];
};

/* A symbol of libgoaudit-entries.so, which is loaded if need be.  Without locks. */
bool gate_find(struct goaudit *ga, const char *name, void **symbol);

/* For a function that dlsym has found in gen, sets *address to the guest's entry, made
 * if need be; leaves it when it is none of gen's functions, or this machine cannot count
 * calls; sets it to NULL, and dlerror, when no entry can be made.  Returns false when gen
 * has been replaced meanwhile: look again.  Without locks. */
bool gate_enter_by(struct goaudit *ga, struct generation *gen, const char *name,
		   const char *version, void **address);

/* The names of the guest's entries, an array from malloc(3) of *n; they live for ever.
 * NULL: out of memory.  Without locks. */
const char **gate_names(struct goaudit *ga, const struct guest *guest, size_t *n);

/* A table of gen's functions for the guest's entries; NULL when it has none.  `lacks`
 * is set to the first name that gen does not have, if there is one: its entry would
 * trap.  Returns false when
 * out of memory.  Without locks. */
bool gate_prepare(struct goaudit *ga, struct generation *gen, struct gate_table **table,
		  const char **lacks);

/* Does it lead from all entries that the guest has now, or have more functions been
 * looked up since the table was made?  Without locks. */
bool gate_is_complete(struct goaudit *ga, const struct generation *gen,
		      const struct gate_table *table);

/* Leads all entries of the guest, and its handle, to gen.  With goaudit.lock, in a
 * transaction.  Returns false if functions have been looked up since the table was made:
 * another one is needed. */
bool gate_switch(struct goaudit *ga, struct generation *gen, struct gate_table *table);

/* Gives a table back that gate_switch has not taken.  NULL is allowed.  Without locks. */
void gate_discard(struct goaudit *ga, struct gate_table *table);

/* A generation is gone: entries that lead to it trap.  With goaudit.lock. */
void gate_gone(struct goaudit *ga, struct generation *gen);

/* Makes the counts of all threads current (membarrier(2)): of the calls that
 * begin from now on, those that are not counted see what was stored before. */
void gate_settle(struct goaudit *ga);

/* Is a call through an entry under way in a generation, as of the last
 * gate_settle? */
bool gate_busy(const struct goaudit *ga, const struct generation *gen);

/* The function behind an address if that is an entry in use, else the address. */
const void *gate_target(const struct goaudit *ga, const void *address);

/* Before fork(2), with goaudit.lock; and in the child, whose one thread keeps its
 * block under its new number. */
void gate_forking(struct goaudit *ga);
void gate_forked(struct goaudit *ga);

#endif
