/* Guests and their generations.
 *
 * A guest is a path that was opened; it has generations, of which at most one
 * is current.  Records are never freed: a guest lives as long as the process,
 * a generation's slot is used again once it is gone and old enough.
 *
 * Everything here is guarded by goaudit.lock. */
#ifndef GOAUDIT_REGISTRY_H
#define GOAUDIT_REGISTRY_H

#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "entry/entry.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "reload/pins.h"

struct goaudit;
struct snapshot;

/* What tells one content of a file from another without reading it. */
struct signature {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool racy;		/* changed so shortly before it was read that another
				 * change could bear the same time stamp */
};

#define GENERATION_EXPANDED 8

struct generation {
	struct goaudit_generation *info;	/* the public half: state, references, figures; it
						 * moves when the area of all records grows */
	struct guest *guest;
	uint32_t index;				/* of the record */
	struct generation *next;		/* of the guest's, newest first */
	struct generation *before;		/* current until this one was loaded, and again
						 * if it fails */
	struct generation *next_live;		/* the registry's list of those not gone */
	struct generation *next_retired;	/* reaper's queue, oldest first */
	struct link_map *map;			/* NULL until loaded, and when gone */
	void *module;				/* Go: its moduledata */
	const void *owner;			/* the thread that loads or initialises it */
	struct signature signature;		/* of the file it was made from */
	uint64_t hash[2];			/* of that file's content */
	bool global;				/* stands in the global search list while hidden */
	bool opened_global;			/* with RTLD_GLOBAL */
	bool hidden;
	bool described;				/* its file can tell of signatures */
	bool reloadable;			/* opened with RTLD_RELOADABLE, or by GOAUDIT_RELOADABLE */
	bool guarded;				/* Go: a panic ends a call only */
	bool permanent;				/* RTLD_NODELETE: one reference is never given back */
	uint64_t tried;				/* reaper round of the last attempt */
	bool rolled_back;			/* never became current: it has no names */
	bool unmapping;				/* on the way out, past all return */
	bool closed;				/* our reference is given back (linger.h) */
	bool waiting;				/* retired, and retire_try is to look at it: it is */
	bool leaving;				/* in the link map, and a dlclose will take it, */
	bool stranded;				/* or ld.so did not let us take it out */
	unsigned threads;			/* that will run destructors in it, and those of */
	unsigned unseen;			/* them of which ld.so does not know */
	unsigned tries;				/* of retire_try in a row, */
	uint64_t tried_at;			/* and the step of the last one */
	unsigned users;				/* generations that need it, see needed.h */
	struct generation *next_needed;		/* in a needed_load */
	struct generation *replaced;		/* of its guest, when it came as something needed */
	bool outside;				/* an object that is none of ours needs it, too */
	bool exposed;				/* listed for a moment, see debugger_expose */
	unsigned kept;				/* not 0: must not be unmapped for now */
	struct pins pins;			/* see pins.h */
	unsigned column;			/* of its calls, see gate.h */
	bool entered;				/* entries have led to it */
	struct gate_table *tables;		/* of its entries */
	char origin[PATH_MAX];			/* folder of the file: what $ORIGIN means */
	char *expanded[GENERATION_EXPANDED];	/* dynamic strings that named $ORIGIN, malloc'ed */
};

struct guest_text {
	struct guest_text *next;
	char text[];
};

struct guest {
	struct guest *next;
	uint32_t id;
	uint32_t generations;			/* how many there have been */
	struct generation *current;		/* newest that loaded; NULL if none is kept */
	struct generation *serving;		/* what handle and entries stand for: current,
						 * but for one that is not initialised yet */
	struct link_map handle;			/* what dlopen returns, for the process's life:
						 * name and address are those of `serving` */
	uint32_t others;			/* ldso.others when ld.so was asked for the path */
	bool raw;				/* RTLD_RAW: neither handle nor entries */
	struct gate_doors doors;
	struct generation *all;
	const char *path;			/* absolute, symbolic links resolved; the text lives as
						 * long as the process, another one takes its place
						 * when a link has been turned */
	const char *name;			/* how it was opened, absolute: what leads to path */
	struct guest_text *texts;		/* all that the two have been */
};

#define REGISTRY_RECORDS 65536		/* at the most */
#define REGISTRY_FIRST 512		/* that address space is reserved for at first */
#define REGISTRY_CHUNK 64		/* that get memory at a time */
#define REGISTRY_HISTORY 256		/* gone generations that stay readable */

struct registry {
	struct guest *guests;
	struct guest **guests_tail;
	struct generation *live;		/* newest first */
	struct generation *chunk[REGISTRY_RECORDS / REGISTRY_CHUNK];	/* parallel to the
						 * public records */
	uint32_t usable;			/* records that have memory behind them */
	uint32_t reserved;			/* public records that there is address space
						 * for */
	uint32_t gone;				/* records in state GOAUDIT_GONE */
	uint32_t oldest;			/* where the search for a slot starts */
};

/* Takes no memory yet. */
void registry_init(struct goaudit *ga);

/* The guest of a path, made if need be; name: what it is opened by, absolute, which may
 * lead there through symbolic links.  NULL: out of memory. */
struct guest *registry_guest(struct goaudit *ga, const char *path, const char *name);
struct guest *registry_find_path(struct goaudit *ga, const char *path);

/* The guest that was opened by this name, wherever that leads now; NULL if none. */
struct guest *registry_find_name(struct goaudit *ga, const char *name);

/* From now on the guest is found by this name, and its file is at this path.  Returns
 * false when out of memory: nothing has changed. */
bool registry_turn(struct guest *guest, const char *path, const char *name);

/* A copy of a guest's name, to be freed; NULL: out of memory.  Without locks. */
char *registry_name(struct goaudit *ga, const struct guest *guest);

/* The guest whose current generation was made from this very file (a hard link
 * or another name of it); NULL if none. */
struct guest *registry_find_file(struct goaudit *ga, const struct stat *st);

/* A generation by its handle (a lasting one: that which it stands for), its address
 * range, or its snapshot's name. */
struct generation *registry_find_handle(struct goaudit *ga, const void *handle);
struct generation *registry_find_map(struct goaudit *ga, const void *map);
struct generation *registry_find_address(struct goaudit *ga, uintptr_t address);
struct generation *registry_find_snapshot(struct goaudit *ga, const char *file);

/* The guest whose lasting handle this is; NULL: none's. */
struct guest *registry_find_lasting(struct goaudit *ga, const void *handle);

/* What dlopen and dlreload return for a generation. */
void *registry_handle(const struct generation *gen);

/* The guest that a handle belongs to or, if it is closed by now, belonged to;
 * NULL: never one of ours. */
struct guest *registry_guest_of_handle(struct goaudit *ga, const void *handle);

/* Copies `size` bytes of each record, oldest first; see goaudit_generations. */
size_t registry_copy(struct goaudit *ga, void *records, size_t count,
		     size_t stride, size_t size);

/* A new generation of a guest, in state GOAUDIT_LOADING; NULL: no record free. */
struct generation *registry_generation(struct goaudit *ga, struct guest *guest);

/* What a new generation has of its snapshot; path: of its file. */
void registry_describe(struct generation *gen, const struct snapshot *snapshot,
		       const char *path);

/* Sets the state, inside journal_begin/journal_end, and wakes all who wait. */
void registry_set_state(struct goaudit *ga, struct generation *gen,
			enum goaudit_state state);

/* Gives back one of gen->kept.  Without goaudit.lock. */
void registry_let_go(struct goaudit *ga, struct generation *gen);

struct signature signature_of(const struct stat *st);
bool signature_same(const struct signature *a, const struct signature *b);

#endif
