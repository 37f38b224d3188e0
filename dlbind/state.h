/* The types that the files of libdlbind share, and the order of the locks.  What each
 * file does stands in its own header; no two of them include each other.
 *
 * A library is one file, mapped twice: by ld.so, read-only and executable, as
 * for any object it opens (privately, so that a debugger can set breakpoints),
 * and by us, writable and shared.  On Linux both show the same pages, so what is
 * written at the alias is there at the library's address at once; creation
 * checks that.  The file is sparse and has its full size from the start, so
 * nothing ever moves and no descriptor is kept.
 *
 *	page 0		ELF header, program and section headers
 *	.gnu.version_d	the versions' definitions
 *	.dynsym, .dynstr, .gnu.version, .gnu.hash
 *	.hash		two areas in turn, as it grows (hash.c)
 *	.eh_frame_hdr, .eh_frame	(frames.c)
 *	.text
 *	.rodata
 *	.dynamic	a page of ld.so's own
 *	.data		not in the file
 *
 * Locks, in the order in which they are taken:
 *
 *	state.lock	the registry of libraries, the folder
 *	library.lock	everything of a library but `users`
 *	state.jobs_lock	the jobs of ldso.c
 *
 * None is held across a call into ld.so, since others call us with its lock
 * held.  What needs ld.so is noted under the lock and done by library_unlock().
 */
#ifndef DLBIND_STATE_H
#define DLBIND_STATE_H

#include <link.h>
#include <pthread.h>
#include <stdbool.h>

#include "bits.h"
#include "dlbind.h"
#include "embed.h"
#include "machine.h"

#define PAGE    MACHINE_PAGE_MAX
#define GRANULE 16u

static inline size_t pages_up(size_t n)
{
	return (n + PAGE - 1) & -PAGE;
}

struct library;

/* --- arena.h -------------------------------------------------------------------- */

enum arena_kind { ARENA_TEXT, ARENA_RODATA, ARENA_DATA, ARENA_FRAMES, ARENAS };

#define ARENA_BINS 128

/* A free block below the top. */
struct hole {
	uint32_t start, size; /* granules */
	uint32_t next, prev;  /* of its bin, or of the spare ones; 0: none */
};

struct arena {
	struct library *library;
	enum arena_kind kind;
	uintptr_t base; /* at the library's address */
	size_t size;    /* bytes */
	char *alias;    /* where it is written; NULL: at base */
	int protection; /* at base, when nobody writes there */

	/* Of granules; the four stand interleaved. */
	struct bits starts;                    /* where a block starts, below the top */
	uint64_t *used;                        /* at a start: allocated */
	uint64_t *open;                        /* at a start: writable at base, not sealed */
	struct bits names;                     /* where a symbol starts */
	uint64_t *backed;                      /* of pages: has memory */
	uint32_t top;                          /* granules from here on are untouched */
	uint32_t limit;                        /* granules there are */
	size_t backed_pages, blocks, granules; /* how many; the latter two in use */

	struct hole *holes;                     /* records, from 1 on */
	uint32_t holes_used, holes_size, spare; /* spare: a list of free records */
	uint32_t *index;                        /* start -> record, open addressing */
	uint32_t index_size, index_used;
	uint32_t bins[ARENA_BINS];
	uint64_t bins_set[ARENA_BINS / 64];
};

/* --- hash.h --------------------------------------------------------------------- */

/* A prime: the gABI's hash of names that end in digits uses few of its low bits. */
#define HASH_FIRST 251u /* buckets of a new library */

/* A table as the gABI lays it out: nbucket, nchain, buckets, chain. */
struct hash_table {
	uint32_t *words; /* at the alias */
	size_t offset;   /* in the file */
	uint32_t buckets;
};

/* See the essay in hash.c. */
enum hash_phase {
	HASH_STEADY,   /* one table */
	HASH_BOTH,     /* the next one stands in the link map, with the old count */
	HASH_SWITCHED, /* with its own count */
};

struct hash {
	enum hash_phase phase;
	struct hash_table now, next;
	uint32_t grown_at; /* symbols from which on to grow */
};

/* --- symbols.h ------------------------------------------------------------------ */

#define STRING_CLASSES 96

/* What we know of a symbol beside its entry in .dynsym. */
struct symbol {
	uint32_t hash; /* the gABI's */
	uint32_t next; /* of the same address hash, or in a list; 0: none */
};

struct symbols {
	struct symbol *side; /* one a slot */
	uint32_t side_size;
	uint32_t slots;        /* of .dynsym in use, with slot 0 (nchain) */
	uint32_t slots_backed; /* that have memory, in all tables */
	uint32_t limit;
	struct bits free; /* slots below `slots` that can be used */
	uint32_t live;
	uint32_t *heads;     /* hash of an address -> symbols that start in its granule */
	uint32_t heads_size; /* a power of two */

	uint32_t retired, waiting; /* lists: unbound, before and in a grace period */
	uint32_t retired_count;

	uint32_t strings_first, strings_top, strings_backed, strings_limit;
	uint32_t strings_free[STRING_CLASSES];
};

/* --- image.h -------------------------------------------------------------------- */

struct version {
	uint32_t name, hash; /* offset in .dynstr */
};

/* Offsets in the file, and in memory relative to the library's base. */
struct layout {
	size_t verdef, dynsym, dynstr, versym, gnu_hash, hash[2], frame_hdr, frames, text,
		rodata, dynamic, data, end;
};

/* --- library.h ------------------------------------------------------------------ */

struct library {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* users has fallen */
	unsigned users;      /* calls under way; under state.lock or atomic */

	struct link_map *map; /* the handle */
	uintptr_t base;
	char *alias; /* of all of the file */
	char *path, *name;
	unsigned flags;
	bool inherited; /* we are a forked child */

	struct layout at;
	uint64_t *side; /* memory of all bit sets and flags */
	size_t side_bytes;
	struct arena arenas[ARENAS];
	struct symbols symbols;
	struct hash hash;
	struct version *versions;
	unsigned version_count;
	uint32_t frame_count; /* entries of .eh_frame_hdr that are filled */

	/* ld.so's copy of where the hash table is; NULL: unknown. */
	uint32_t *map_nbuckets;
	const uint32_t **map_chain, **map_buckets;

	unsigned batch; /* dlbind_begin's that are open */
	bool changed;   /* since the debugger was told last */
	bool settling;  /* a thread waits for a grace period */
	size_t notices, grace_periods;
};

struct state {
	pthread_rwlock_t lock;
	struct library **by_handle, **by_base; /* sorted */
	size_t count, size;
	struct dlbind_loader loader;
	struct private_own *own; /* the folders that this process has made or inherited,
				 * newest first */
	const char *folder;   /* the one for new files; NULL: none yet; never freed; atomic */
	uint64_t serial;      /* of files; atomic */
	bool prepared;        /* handlers for fork and exit are there */
	int grace_busy;       /* a thread waits for ld.so's readers; atomic */
	char grace_path[640]; /* the object that is opened and closed for it */
	pthread_mutex_t jobs_lock; /* taken last; guards the next */
	struct job *jobs;          /* see ldso.c */
};

extern struct state dlbind_state;

#endif
