/* The layer of calls from the host into a guest: entries, where they lead, who is inside. */
#ifndef GOAUDIT_ENTRY_ENTRIES_H
#define GOAUDIT_ENTRY_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct core;
struct generation;
struct guest;
struct guests;
struct loader;

/* In the library's data: what its entries read, without a lock. */
struct entrylib_data {
	const void *enlist;           /* for a thread's first call */
	const void *copy;             /* for stack arguments that may end at a page's end */
	struct target_table *none;    /* where entries of guests lead that are no more */
	struct target_table *table[]; /* where a guest's entries lead: that of its first chunk
				       * in the library */
};

/* All c, but where something else is said. */
struct entrylib {
	struct entrylib *next; /* of all */
	void *library;         /* dlbind.h's */
	bool inherited;        /* L: our parent's, and not to be written to */
	struct entrylib_data *data;
	uintptr_t code; /* of the first chunk; the others follow */
	uint32_t n;     /* chunks that there is room for */
	struct entrylib_chunk {
		struct entrylib *entrylib;   /* NULL: never used; atomic */
		struct entrylib_chunk *next; /* L: of its guest, or of the free ones */
		const struct guest *guest;   /* L: whose it is; NULL: nobody's */
		struct target_table **table; /* L: in the library's data; read without */
		uintptr_t code;              /* of the first entry */
		char *alias;                 /* where it is written */
		unsigned used;               /* L; read without, atomic */
		uint32_t target[16];         /* of the used ones: index in the table */
	} chunk[];
};

#define ENTRYLIB_CHUNK 16 /* entries */

#define CALL_SLOTS     16382 /* more generations than a process may have mappings for */
#define CALL_SLOT_NONE (CALL_SLOTS - 1) /* for calls that lead nowhere */
#define TARGET_SIZES   20               /* of tables: powers of 2 */

/* A thread's counts.  Blocks are never freed, and used again when their thread
 * is gone.  Only the thread writes its counts; a call is under way while the two of
 * its slot differ.  (Two, so that a call does not wait for the last one's store.)
 * Low slots are taken first: of a block's pages one is touched, as a rule. */
struct entry_thread {
	int32_t tid; /* atomic; 0: nobody's */
	uint32_t unused;
	struct entry_thread *next; /* c */
	struct call_count {
		uint32_t begun, ended;
	} calls[CALL_SLOTS];
};

/* Where the entries of a guest lead.  Until its generation is gone a call under way
 * may read it.  Later it is used again as a table of the same slot, and never freed: a
 * thread may have read its address and not counted its call yet. */
struct target_table {
	uint64_t slot;             /* c: offset of the counts in a thread's block */
	uint32_t n;                /* targets; f, by who has taken it */
	uint32_t size;             /* c: capacity is 1 << size */
	struct target_table *next; /* L: of the same generation, or free */
	struct wide_target *wide;  /* of the same capacity; NULL: none is needed */
	void *target[];
};

/* What an entry is called in its library. */
enum entrylib_name {
	ENTRYLIB_NAMELESS,
	ENTRYLIB_PLAIN,    /* entry_of_NAME */
	ENTRYLIB_NUMBERED, /* and behind it a dot and the guest's number */
};

/* A function of a guest that has an entry.  L. */
struct entry {
	char *name, *version;
	void *entry;
	struct entrylib *entrylib;
	bool shown;               /* entrylib_show is done */
	enum entrylib_name bound; /* to which name */
};

/* Of one generation at a time.  L. */
struct call_slot {
	const struct generation *of;
	struct target_table *free; /* tables that its calls may still be reading */
};

/* What goaudit_entry_wide reads. */
struct wide_target {
	void *function;
	uint64_t words; /* 0: of the caller's frame */
};

/* Constants of libgoaudit-entries.so, and found once. */
struct wide {
	const void *entry;                        /* goaudit_entry_wide */
	uint64_t *frames;                         /* goaudit_entry_frames: of callers; atomic */
	int (*find_object)(const void *, void *); /* ld.so's; NULL: before 2.35 */
	void *iterate;                            /* the host's dl_iterate_phdr */
};

struct entries {
	struct core *core;
	struct loader *loader;
	struct guests *guests;
	struct entry_thread *threads;       /* grows at the head, by compare and swap */
	struct entrylib *libraries;         /* L: grows at the head; read without, atomic */
	struct entrylib_chunk *free, *last; /* L: that were a guest's, the one that is longest
					     * free first */
	struct target_table *none;          /* L: see entrylib_data */
	/* Of libgoaudit-entries.so: c once `prepare` is set, which is the last of them, atomic.
	 * Two threads that load it at once store the same. */
	void (*prepare)(void);     /* goaudit_entry_prepare; NULL: not loaded (yet) */
	const void *enlist, *copy; /* goaudit_entry_enlist, goaudit_entry_copy */
	const void *personality;   /* goaudit_entry_personality */
	struct wide wide;
	void *after_unload; /* what entries lead to at the very end, */
	void *lacking;      /* and where a build lacks their function */
	int32_t block;      /* where a thread's block is pointed to */
	size_t saved;       /* see arch_saved_registers */
	bool failed;        /* atomic: this machine cannot count calls */
	bool lost;          /* atomic: some calls are not counted */
	int forking;        /* L: the thread that forks */
	/* L: all the rest. */
	uint32_t slots; /* that have ever been used; read without, atomic */
	uint32_t taken; /* all below this one are */
	struct call_slot slot[CALL_SLOTS];
};

/* Once, from la_version. */
void entries_init(struct entries *es);

#endif
