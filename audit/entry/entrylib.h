/* The libraries of entries: what dlsym's addresses of a guest's functions lie in.
 *
 * A guest has a library of its own, made with libdlbind at the first dlsym and named
 * after it (guest.so.entries); its entries bear the names of the functions, with
 * "entry_of_" before them: no debugger takes that for the function's own name, as it might
 * with something behind it (a version, a clone) or a dot (a package).  It lies in the host's
 * namespace for the life of the process, with unwind tables, so debuggers, profilers
 * and unwinders know it.  (One that is full is followed by another one, and a forked
 * child that needs more entries makes one of its own.)
 *
 * Entries are made from arch_*.S and belong to chunks.  Nothing is ever given back. */
#ifndef GOAUDIT_FACADE_H
#define GOAUDIT_FACADE_H

#include <stdbool.h>
#include <stdint.h>

struct gate_table;
struct goaudit;
struct guest;

/* In the library's data: what its entries read, without a lock. */
struct gate_cell {
	struct gate_table *table;	/* where the guest's entries lead */
	const void *enlist;		/* for a thread's first call */
	const void *copy;		/* for stack arguments that may end at a page's end */
};

struct facade {
	struct facade *next;		/* of the guest; constant */
	const struct guest *guest;
	void *library;			/* dlbind.h's */
	struct gate_cell *cell;
};

#define FACADE_CHUNK 16			/* entries */

struct facade_chunk {
	struct facade_chunk *next;	/* of all guests'; constant */
	struct facade *facade;		/* constant */
	uintptr_t code;			/* of the first entry; constant */
	char *alias;			/* where it is written; constant */
	unsigned used;			/* guarded by goaudit.lock */
	uint32_t target[FACADE_CHUNK];	/* of the used ones: index in the table */
};

/* Room for entries of a guest, in its newest library (NULL: it has none) if that has any,
 * else in a new one, which is then not in the guest's list yet.  NULL: none can be had, and
 * dlerror is set.  Without locks. */
struct facade_chunk *facade_make_chunk(struct goaudit *ga, const struct guest *guest,
				       struct facade *newest);

/* Takes a chunk in a new library away with it: nobody has seen it.  Without locks. */
void facade_discard(struct facade_chunk *chunk);

/* The next entry of a chunk that has room.  Nobody may call it before facade_show.  With
 * goaudit.lock. */
void *facade_make_entry(struct facade_chunk *chunk, int32_t block, uint32_t target);

/* Makes the entry executable; with a name, binds it to that.  An entry without a name
 * is as good.  Without locks. */
void facade_show(struct goaudit *ga, struct facade *facade, void *entry, const char *name,
		 const char *version);

/* The chunk that an address lies in the used part of, and its index there; NULL: none.
 * Without locks. */
const struct facade_chunk *facade_at(const struct facade_chunk *chunks, uintptr_t address,
				     unsigned *index);

#endif
