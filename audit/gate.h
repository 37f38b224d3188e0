/* The gate: who is inside a guest, on the host's side of the stack.
 *
 * The Go runtime sees goroutines, not the C frames of a call that is on its way
 * into or out of a guest's export.  So the functions that dlsym finds in a guest
 * are given out as entries of a small library (base/entries_*.S), which count
 * the calls under way, per thread and generation; a generation with calls under
 * way is not unmapped.
 *
 * An entry belongs to a generation and lives as long as it.  It reaches the
 * function through the generation's table, so it can be pointed elsewhere by
 * replacing the table.  When no entry is left, dlsym gives the plain address:
 * the call is then not counted, as with bindings to an object opened with
 * RTLD_GLOBAL, or a function pointer that the guest itself hands out.
 *
 * Stack arguments beyond GATE_STACK_WORDS words do not pass an entry, and a
 * longjmp out of a call leaves it counted: the generation is then held. */
#ifndef GOAUDIT_GATE_H
#define GOAUDIT_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct generation;
struct goaudit;

#define GATE_ENTRIES 4096	/* as in entries_*.S */
#define GATE_ENTRY_SIZE 16
#define GATE_STACK_WORDS 16
#define GATE_COLUMNS 60

/* A thread's counts.  Blocks are never freed, and used again when their thread
 * is gone.  Only the thread writes `calls`. */
struct gate_thread {
	uint32_t calls[GATE_COLUMNS];
	int32_t tid;			/* 0: nobody's */
	uint32_t unused;
	struct gate_thread *next;	/* constant */
};

/* The functions of a generation that have entries.  Replaced when it grows. */
struct gate_table {
	uint64_t column;		/* offset of its count in a thread's block */
	uint32_t n, capacity;
	void *target[];
};

struct gate_entry {			/* read by the entries without a lock */
	struct gate_table **table;
	uint64_t offset;		/* of the function in table->target */
};

/* A generation's part.  Guarded by goaudit.lock. */
struct gate_side {
	struct gate_table *table;	/* NULL: no entry yet */
	struct gate_table **outgrown;	/* may still be read: freed at the end */
	uint32_t outgrown_n;
};

struct gate {
	char *entries;			/* NULL: library not loaded (yet) */
	struct gate_entry *slots;
	struct gate_thread *threads;	/* grows at the head, by compare and swap */
	struct gate_table *closed;	/* of generations that are gone */
	/* The rest is guarded by goaudit.lock. */
	struct generation *owner[GATE_ENTRIES];
	struct generation *column[GATE_COLUMNS];	/* 0 is shared by all that get none */
	uint32_t next;			/* where the search for a free entry starts */
	uint32_t used;
	bool failed;
	bool lost;			/* some calls are not counted */
	int forking;			/* the thread that forks */
};

/* A symbol of libgoaudit-entries.so, which is loaded if need be.  Without locks. */
bool gate_find(struct goaudit *ga, const char *name, void **symbol);

/* The entry for a function of a generation, made if need be; the plain address
 * when it is no function or there is no entry left.  Without locks. */
void *gate_enter_by(struct goaudit *ga, struct generation *gen, void *address);

/* Takes a generation's entries back.  With goaudit.lock. */
void gate_release(struct goaudit *ga, struct generation *gen);

/* Makes the counts of all threads current (membarrier(2)): of the calls that
 * begin from now on, those that are not counted see what was stored before. */
void gate_settle(struct goaudit *ga);

/* Is a call through one of the generation's entries under way, as of the last
 * gate_settle? */
bool gate_busy(const struct goaudit *ga, const struct generation *gen);

/* The function behind an address if that is an entry in use, else the address. */
const void *gate_target(const struct goaudit *ga, const void *address);

/* Before fork(2), with goaudit.lock; and in the child, whose one thread keeps its
 * block under its new number. */
void gate_forking(struct goaudit *ga);
void gate_forked(struct goaudit *ga);

#endif
