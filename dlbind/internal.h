/* What the files of libdlbind share.
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
 *
 * None is held across a call into ld.so, since others call us with its lock
 * held.  What needs ld.so is noted under the lock and done by library_unlock().
 */
#ifndef DLBIND_INTERNAL_H
#define DLBIND_INTERNAL_H

#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>

#include "dlbind.h"
#include "embed.h"

#define PAGE 4096ul
#define GRANULE 16u

/* --- bits.c: a set of integers ---------------------------------------------- */

#define BITS_LEVELS 5
#define BITS_NONE SIZE_MAX

/* A bit each, and above it a level that has one for each word that is not 0.
 * The words of the lowest level may stand apart (`stride`), so that sets that
 * are used together share pages. */
struct bits {
	uint64_t *level[BITS_LEVELS];
	unsigned levels, stride;
};

/* How many words the upper levels take for 0 .. n-1. */
size_t bits_upper_words(size_t n);
/* `lowest` and `upper` are zeroed memory that the caller keeps. */
void bits_place(struct bits *b, size_t n, uint64_t *lowest, unsigned stride,
		uint64_t *upper);
void bits_set(struct bits *b, size_t i);
void bits_clear(struct bits *b, size_t i);
bool bits_test(const struct bits *b, size_t i);
size_t bits_next(const struct bits *b, size_t i);	/* least member >= i */
size_t bits_prev(const struct bits *b, size_t i);	/* greatest member <= i */

/* --- arena.c: memory -------------------------------------------------------- */

enum arena_kind { ARENA_TEXT, ARENA_RODATA, ARENA_DATA, ARENA_FRAMES, ARENAS };

#define ARENA_BINS 128

struct library;

/* A free block below the top. */
struct hole {
	uint32_t start, size;	/* granules */
	uint32_t next, prev;	/* of its bin, or of the spare ones; 0: none */
};

struct arena {
	struct library *library;
	enum arena_kind kind;
	uintptr_t base;		/* at the library's address */
	size_t size;		/* bytes */
	char *alias;		/* where it is written; NULL: at base */
	int protection;		/* at base, when nobody writes there */

	/* Of granules; the four stand interleaved. */
	struct bits starts;	/* where a block starts, below the top */
	uint64_t *used;		/* at a start: allocated */
	uint64_t *open;		/* at a start: writable at base, not sealed */
	struct bits names;	/* where a symbol starts */
	uint64_t *backed;	/* of pages: has memory */
	uint32_t top;		/* granules from here on are untouched */
	uint32_t limit;		/* granules there are */
	size_t backed_pages, blocks, granules;	/* how many; the latter two in use */

	struct hole *holes;	/* records, from 1 on */
	uint32_t holes_used, holes_size, spare;	/* spare: a list of free records */
	uint32_t *index;	/* start -> record, open addressing */
	uint32_t index_size, index_used;
	uint32_t bins[ARENA_BINS];
	uint64_t bins_set[ARENA_BINS / 64];
};

size_t arena_side_words(size_t size);
uint64_t *arena_place(struct arena *a, uint64_t *words);
void arena_finish(struct arena *a);

/* Returns the address, or 0 with the error set. */
uintptr_t arena_alloc(struct arena *a, size_t size, size_t alignment);
void arena_free(struct arena *a, uint32_t start);
int arena_resize(struct arena *a, uint32_t start, size_t size);

/* The used block that an address lies in: its first granule, and how many. */
bool arena_block(const struct arena *a, uintptr_t address, uint32_t *start,
		 uint32_t *granules);

/* The flags of granules, which stand among the words of the two sets. */
#define ARENA_STRIDE 4

static inline bool granule_test(const uint64_t *flags, uint32_t i)
{
	return flags[i / 64 * ARENA_STRIDE] >> (i % 64) & 1;
}

static inline void granule_set(uint64_t *flags, uint32_t i, bool value)
{
	uint64_t *word = &flags[i / 64 * ARENA_STRIDE], bit = 1ull << (i % 64);

	*word = value ? *word | bit : *word & ~bit;
}

/* --- hash.c: .hash and .gnu.hash -------------------------------------------- */

/* A prime: the gABI's hash of names that end in digits uses few of its low bits. */
#define HASH_FIRST 251u		/* buckets of a new library */

/* A table as the gABI lays it out: nbucket, nchain, buckets, chain. */
struct hash_table {
	uint32_t *words;	/* at the alias */
	size_t offset;		/* in the file */
	uint32_t buckets;
};

/* See the essay in hash.c. */
enum hash_phase {
	HASH_STEADY,		/* one table */
	HASH_BOTH,		/* the next one stands in the link map, with the old count */
	HASH_SWITCHED,		/* with its own count */
};

struct hash {
	enum hash_phase phase;
	struct hash_table now, next;
	uint32_t grown_at;	/* symbols from which on to grow */
};

/* --- symbols.c --------------------------------------------------------------- */

#define STRING_CLASSES 96

/* What we know of a symbol beside its entry in .dynsym. */
struct symbol {
	uint32_t hash;		/* the gABI's */
	uint32_t next;		/* of the same address hash, or in a list; 0: none */
};

struct symbols {
	struct symbol *side;	/* one a slot */
	uint32_t side_size;
	uint32_t slots;		/* of .dynsym in use, with slot 0 (nchain) */
	uint32_t slots_backed;	/* that have memory, in all tables */
	uint32_t limit;
	struct bits free;	/* slots below `slots` that can be used */
	uint32_t live;
	uint32_t *heads;	/* hash of an address -> symbols that start in its granule */
	uint32_t heads_size;	/* a power of two */

	uint32_t retired, waiting;	/* lists: unbound, before and in a grace period */
	uint32_t retired_count;

	uint32_t strings_first, strings_top, strings_backed, strings_limit;
	uint32_t strings_free[STRING_CLASSES];
};

/* --- image.c ----------------------------------------------------------------- */

struct version {
	uint32_t name, hash;	/* offset in .dynstr */
};

/* Offsets in the file, and in memory relative to the library's base. */
struct layout {
	size_t verdef, dynsym, dynstr, versym, gnu_hash, hash[2], frame_hdr,
		frames, text, rodata, dynamic, data, end;
};

/* --- the library -------------------------------------------------------------- */

struct library {
	pthread_mutex_t lock;
	pthread_cond_t idle;	/* users has fallen */
	unsigned users;		/* calls under way; under state.lock or atomic */

	struct link_map *map;	/* the handle */
	uintptr_t base;
	char *alias;		/* of all of the file */
	char *path, *name;
	unsigned flags;
	bool inherited;		/* we are a forked child */

	struct layout at;
	uint64_t *side;		/* memory of all bit sets and flags */
	size_t side_bytes;
	struct arena arenas[ARENAS];
	struct symbols symbols;
	struct hash hash;
	struct version *versions;
	unsigned version_count;
	uint32_t frame_count;	/* entries of .eh_frame_hdr that are filled */

	/* ld.so's copy of where the hash table is; NULL: unknown. */
	uint32_t *map_nbuckets;
	const uint32_t **map_chain, **map_buckets;

	unsigned batch;		/* dlbind_begin's that are open */
	bool changed;		/* since the debugger was told last */
	bool settling;		/* a thread waits for a grace period */
	size_t notices, grace_periods;
};

struct state {
	pthread_rwlock_t lock;
	struct library **by_handle, **by_base;	/* sorted */
	size_t count, size;
	struct dlbind_loader loader;
	struct private_own *own; /* the folders that this process has made or inherited,
				 * newest first */
	const char *folder;	/* the one for new files; NULL: none yet; never freed; atomic */
	uint64_t serial;	/* of files; atomic */
	bool prepared;		/* handlers for fork and exit are there */
	int grace_busy;		/* a thread waits for ld.so's readers; atomic */
	char grace_path[640];	/* the object that is opened and closed for it */
	pthread_mutex_t jobs_lock;	/* taken last; guards the next */
	struct job *jobs;	/* see ldso.c */
};

extern struct state dlbind_state;

/* --- registry.c -------------------------------------------------------------------- */

struct library *library_get(void *handle);	/* NULL with the error set */
struct library *library_find(void *handle);	/* NULL: it is not ours; no error */
struct library *library_at(uintptr_t address);	/* the same */
void library_put(struct library *lib);
int registry_add(struct library *lib);	/* cannot fail after registry_take */
struct library *registry_take(void *handle);
/* Handlers, and this process's folder. */
int registry_prepare(void);
/* So that a forked child finds every library in a whole state. */
void registry_forking(void);
void registry_forked_parent(void);
void registry_forked_child(void);

/* --- library.c --------------------------------------------------------------------- */

struct library *library_make(const char *name, const struct dlbind_options *o);
int library_destroy(void *handle);
/* For changes: gets and locks it.  NULL with the error set. */
struct library *library_lock(void *handle);
/* Unlocks and puts it, and does what ld.so is needed for; errno stays. */
void library_unlock(struct library *lib);

void library_figures(struct library *lib, struct dlbind_figures *f);

/* Gives pages of the file memory, so that touching them cannot raise SIGBUS.
 * -1 with the error set. */
int library_back(struct library *lib, size_t offset, size_t bytes);
/* Gives the memory of the whole pages in the range back. */
void library_unback(struct library *lib, size_t offset, size_t bytes);

/* --- image.c -------------------------------------------------------------------- */

int image_layout(struct library *lib, const struct dlbind_options *o);
int image_write(struct library *lib, const struct dlbind_options *o);
/* What ld.so must not see: after it has loaded the file. */
void image_loaded(struct library *lib);
/* Section sizes follow. */
void image_update_symbols(struct library *lib);
void image_update_arena(struct arena *a);
void image_update_hash(struct library *lib);
void image_update_frames(struct library *lib);
/* A section's index in the file's table, for st_shndx. */
unsigned image_section(enum arena_kind kind);

/* Writes a minimal object; its constructor is `init`, an address of this process
 * (0: none).  Returns its size. */
size_t image_tiny(char page[PAGE], uintptr_t init);

/* --- symbols.c -------------------------------------------------------------------- */

int symbols_init(struct library *lib);
int symbols_bind(struct library *lib, const struct dlbind_symbol *s);
int symbols_unbind(struct library *lib, const char *name, const char *version);
bool symbols_in(struct arena *a, uint32_t start, uint32_t end);
bool symbols_at(struct arena *a, uintptr_t address, Elf64_Sym *found);
int symbols_back_strings(struct library *lib, uint32_t end);
/* The retired ones: before and after a grace period. */
bool symbols_want_grace(const struct library *lib);
void symbols_begin_grace(struct library *lib);
void symbols_end_grace(struct library *lib);

/* --- hash.c ------------------------------------------------------------------------ */

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

/* --- frames.c ------------------------------------------------------------------------ */

int frames_add(struct library *lib, const void *eh_frame, size_t size, void **token);
int frames_remove(struct library *lib, void *token);
bool frames_in(const struct library *lib, uintptr_t from, uintptr_t to);

/* --- ldso.c ---------------------------------------------------------------------------- */

/* The file of a minimal object with a constructor (0: none).  -1 with the error set. */
int ldso_make_tiny(const char *name, uintptr_t init, char path[PATH_MAX]);

/* Finds the copies of the hash table's place in ld.so's private part of the
 * link map; leaves them NULL if they are not where they could be. */
void ldso_find_hash(struct library *lib, const uint32_t *table);

/* Waits until every lookup that ld.so had begun is done.  False: it could not be
 * had now. */
bool ldso_grace(void);

bool ldso_debugger_at_brk(void);	/* cheap; gdb without probes */
bool ldso_debugger_attached(void);	/* any tracer; microseconds */

/* Takes the object out of the link map and puts it back, with the debugger
 * watching; `between` runs when it is out. */
bool ldso_relist(struct library *lib, void (*between)(struct library *));

/* --- publish.c ---------------------------------------------------------------------------- */

/* The block's own pages become writable at their address, or are no more. */
int publish_open(struct arena *a, uint32_t start, uint32_t granules);
void publish_close(struct arena *a, uint32_t start, uint32_t granules);
/* What has been written to [from, from + size) of the block is there to be
 * executed or read. */
int publish_seal(struct arena *a, uint32_t start, uint32_t granules, uintptr_t from,
		 size_t size);
/* If it has changed, or if asked to, and a debugger is there. */
void publish_notify(struct library *lib, bool always);

/* --- folder.c ------------------------------------------------------------------------------ */

/* Makes an empty file for us alone, named after `name`, in `folder` or the
 * process's own.  Returns a descriptor and its path, or -1 with the error set. */
int folder_file(const char *folder, const char *name, char path[PATH_MAX]);
/* May a file be that large?  Beyond RLIMIT_FSIZE, ftruncate(2) and write(2) raise a
 * signal.  -1 with the error set. */
int folder_allows(const char *name, size_t size);
/* Before the first call of folder_file in a process; state.folder is set.
 * -1 with the error set. */
int folder_prepare(void);
/* The same with the embedder's. */
int folder_given(void);
/* Makes `path`, or accepts it if it is a folder that only this user can enter and
 * map code from.  -1 with the error set. */
int folder_accept(const char *path);
void folder_keep(void);		/* nobody removes the folder */
void folder_finish(void);

/* --- error.c --------------------------------------------------------------------------------- */

/* Notes an error for this thread.  Keeps a returned -1 and NULL short. */
__attribute__((format(printf, 2, 3))) int error_set(int code, const char *format, ...);
const char *error_take(void);

static inline size_t pages_up(size_t n)
{
	return (n + PAGE - 1) & -PAGE;
}

#endif
