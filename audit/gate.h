/* The gate: who is inside a guest, on the host's side of the stack, and where a
 * call goes.
 *
 * The functions that dlsym finds in a guest are given out as entries of a small
 * library (base/entries_*.S).  An entry is for a name of a guest: it calls the
 * function of that name in the generation that the guest's table is of, so it
 * outlives a reload, which replaces the table.  And it counts the calls under way,
 * per thread and generation: the Go runtime sees goroutines, not the C frames of a
 * call that is on its way into or out of a guest's export, and a generation with
 * calls under way is not unmapped.
 *
 * Where no entry is left, dlsym gives the plain address: the call is then not
 * counted, and ends with its generation, as with bindings to an object opened with
 * RTLD_GLOBAL, or a function pointer that the guest itself hands out.
 *
 * Stack arguments beyond GATE_STACK_WORDS words do not pass an entry, and a
 * longjmp out of a call leaves it counted: the generation is then held. */
#ifndef GOAUDIT_GATE_H
#define GOAUDIT_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generation;
struct goaudit;
struct guest;

#define GATE_ENTRIES 4096	/* as in entries_*.S */
#define GATE_ENTRY_SIZE 16
#define GATE_STACK_WORDS 16
#define GATE_COLUMNS 60
#define GATE_SIZES 20		/* of tables: powers of 2 */

/* A thread's counts.  Blocks are never freed, and used again when their thread
 * is gone.  Only the thread writes `calls`. */
struct gate_thread {
	uint32_t calls[GATE_COLUMNS];
	int32_t tid;			/* 0: nobody's */
	uint32_t unused;
	struct gate_thread *next;	/* constant */
};

/* Where the entries of a guest lead.  Until its generation is gone a call under way
 * may read it.  Later it is used again as a table, and never freed: a thread may
 * have read its address and not counted its call yet. */
struct gate_table {
	uint64_t column;		/* offset of the count in a thread's block */
	uint32_t n;			/* targets */
	uint32_t size;			/* capacity is 1 << size */
	struct gate_table *next;	/* of the same generation, or free */
	void *target[];
};

struct gate_entry {			/* read by the entries without a lock */
	struct gate_table **table;	/* the guest's */
	uint64_t offset;		/* of the function in table->target */
};

/* A guest's part.  Guarded by goaudit.lock; the entries read `table`. */
struct gate_doors {
	struct gate_table *table;	/* NULL: no entry yet */
	struct generation *of;		/* the generation that it leads to */
	struct gate_door { char *name, *version; uint32_t entry; } *door;
	uint32_t n, capacity;		/* doors; n is also the table's */
};

struct gate {
	char *entries;			/* NULL: library not loaded (yet) */
	struct gate_entry *slots;
	struct gate_thread *threads;	/* grows at the head, by compare and swap */
	void *after_unload;		/* what entries lead to at the very end */
	void (*prepare)(void);		/* goaudit_entry_prepare */
	bool failed;
	bool lost;			/* some calls are not counted */
	int forking;			/* the thread that forks */
	/* The rest is guarded by goaudit.lock. */
	uint32_t used;			/* entries; they are never given back */
	const struct generation *column[GATE_COLUMNS];	/* 0: of all that got none */
	struct gate_table *free[GATE_SIZES];
};

/* A symbol of libgoaudit-entries.so, which is loaded if need be.  Without locks. */
bool gate_find(struct goaudit *ga, const char *name, void **symbol);

/* The guest's entry for a function that dlsym has found in gen, made if need be;
 * the plain address when it is none of gen's functions or no entry is left; NULL
 * when gen has been replaced meanwhile: look again.  Without locks. */
void *gate_enter_by(struct goaudit *ga, struct generation *gen, const char *name,
		    const char *version, void *address);

/* The first name that the guest has an entry for and gen lacks; NULL: it has all.
 * In a transaction. */
const char *gate_lacks(struct goaudit *ga, const struct generation *gen);

/* The names of the guest's entries, an array from malloc(3) of *n; they live for ever.
 * Without locks. */
const char **gate_names(struct goaudit *ga, const struct guest *guest, size_t *n);

/* A table of gen's functions for the guest's entries; NULL when it has none.
 * Returns false when out of memory.  Without locks. */
bool gate_prepare(struct goaudit *ga, struct generation *gen, struct gate_table **table);

/* Leads all entries of the guest, and its handle, to gen.  The table is given up.
 * With goaudit.lock, in a transaction.  Returns false if functions have been looked
 * up since it was made: another one is needed. */
bool gate_switch(struct goaudit *ga, struct generation *gen, struct gate_table *table);

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
