/* The layer of records: guests, their generations, and the files they come from.
 *
 * A guest is a path that was opened; it has generations, of which at most one
 * is current. */
#ifndef GOAUDIT_GUEST_GUESTS_H
#define GOAUDIT_GUEST_GUESTS_H

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "dlbind.h"
#include "goaudit.h"
#include "guest/addresses.h"
#include "guest/index.h"
#include "image/compare/move_plan.h"
#include "image/image.h"
#include "loader/loader.h"

struct adapter;
struct core;
struct entry;
struct entrylib_chunk;
struct target_table;

struct pins {
	unsigned n, room;
	void **handle; /* of dlmopen, or NULL */
	unsigned needs;
	struct generation **need; /* DL: generations that it needs, see needed.h */
	bool bound;               /* those that it is bound to are among them */
};

/* What tells one content of a file from another without reading it. */
struct file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool racy; /* changed so shortly before it was read that another
				 * change could bear the same time stamp */
};

#define GENERATION_EXPANDED 8

/* f: written by who loads it, until others can find it; constant from then on.  Letters of
 * locks are HACKING's. */
struct generation {
	struct goaudit_generation *info; /* the public half: state (DL), references and
						 * figures (L); it moves when the area of all
						 * records grows */
	struct guest *guest;             /* f */
	uint32_t index;                  /* f: of the record */
	struct generation *next;         /* L: of the guest's, newest first */
	struct generation *before;       /* D: current until this one was loaded, and again
						 * if it fails */
	struct generation *next_live, **before_live;    /* L: the registry's list of those not
						 * gone */
	struct index_link by_map, by_snapshot, by_file; /* L */
	struct generation *next_retired;                /* L: reaper's queue, oldest first */
	struct listed object;                           /* in the link map, or out of it */
	void *module;                  /* D: what its constructor has told the adapter; Go:
						 * its moduledata */
	const struct adapter *adapter; /* f: its language's */
	const void *owner;             /* L: the thread that loads or initialises it */
	const void *leaver;            /* L: that is about to replace it, leave.h */
	struct file_stamp stamp;       /* L: of the file it was made from */
	uint64_t hash[2];              /* f: of that file's content */
	struct content *content;       /* L: of an instance; NULL: shares nothing */
	struct generation *next_same, **before_same; /* L: of them */
	bool opened_global;                          /* D: with RTLD_GLOBAL */
	bool described;                              /* f: has DWARF to compare functions by */
	bool has_classes;                            /* f: see image.h */
	bool reloadable;   /* DL: opened with RTLD_RELOADABLE, or by GOAUDIT_RELOADABLE */
	bool panic_return; /* f: a panic ends a call only */
	bool reaped;    /* f: its runtime has to let go of it first: the reaper takes it out */
	bool permanent; /* L: RTLD_NODELETE: one reference is never given back */
	uint64_t tried; /* L: reaper round of the last attempt */
	bool rolled_back;  /* L: never became current: std has no names of it */
	bool started;      /* L: its constructors and inits have run to their end */
	bool left;         /* L: its successor has come */
	bool told, tell;   /* L: goaudit_close is its end; is to be called */
	bool unmapping;    /* D: on the way out, past all return */
	bool closed;       /* D: our reference is given back (linger.h) */
	bool waiting;      /* L: retired, and retire_try is to look at it: it is */
	bool leaving;      /* L: in the link map, and a dlclose will take it, */
	bool stranded;     /* L: or ld.so did not let us take it out */
	unsigned threads;  /* L: what threads have in it, threads.h */
	bool kept_old;     /* L: see struct guest */
	unsigned tries;    /* L: of retire_try in a row, */
	uint64_t tried_at; /* L: and the step of the last one */
	unsigned users;    /* DL: generations that need it, see needed.h; */
	struct generation *next_used, **before_used; /* DL: of those that are needed */
	struct generation *next_needed;              /* D: in a needed_load */
	struct generation *replaced; /* D: of its guest, when it came as something needed */
	bool outside;                /* D: an object that is none of ours needs it, too */
	bool exposed;                /* D: listed for a moment, see debugger_expose */
	unsigned kept;               /* L; not 0: must not be unmapped for now */
	struct pins pins;            /* D, but for what it says itself; see pins.h */
	unsigned slot;               /* L: of its calls, entry/calls.h */
	bool entered;                /* L: entries have led to it */
	struct target_table *tables; /* L: of its entries */
	const char *file;            /* f: the guest's text, */
	uint32_t origin;             /* f: and how much of it is its folder: what $ORIGIN
					 * means */
	char *expanded[GENERATION_EXPANDED]; /* L: malloc'ed; that named $ORIGIN */
};

/* Has it been loaded to where this address lies?  Its record may move: with core.lock. */
static inline bool generation_has(const struct generation *gen, uintptr_t address)
{
	return address - gen->info->lo < gen->info->hi - gen->info->lo;
}

struct guest_text {
	struct guest_text *next;
	char text[];
};

/* What the entry layer (entry/entries.h) keeps of a guest.  L. */
struct guest_entries {
	struct target_table *table; /* NULL: no entry yet; also in the libraries' data */
	struct generation *of;      /* the generation that it leads to */
	struct entry *entry;
	uint32_t n, capacity;          /* entries; n is also the table's */
	struct entrylib_chunk *chunks; /* newest first */
	struct entrylib_chunk *room;   /* the one with entries left; NULL: none */
};

/* The instances that were opened by one name; as long as there are any. */
struct instances {
	struct index_link by_name;
	struct guest *first;     /* newest first */
	uint32_t last;           /* number */
	uint32_t others;         /* see struct guest */
	struct file_stamp stamp; /* of the file that the newest was made from, */
	uint64_t hash[2];        /* and of its content */
	bool stamped;            /* there was one */
	char name[];
};

struct guest {
	struct guest *next, **before; /* in the registry's list; also of free places */
	struct index_link by_path, by_name;
	uint32_t id;
	uint32_t generations;        /* how many there have been */
	struct generation *current;  /* DL: newest that loaded; NULL if none is kept */
	struct generation *serving;  /* DL: what handle and entries stand for: current,
						 * but for one that is not initialised yet */
	struct link_map handle;      /* what dlopen returns, for the guest's life:
						 * name and address are those of `serving` */
	uint32_t others;             /* loader.others when ld.so was asked for the path */
	bool raw;                    /* RTLD_RAW: neither handle nor entries */
	struct instances *instances; /* c: one of these, which is not found by path or
						 * name; NULL: none */
	struct guest *next_instance, **before_instance;
	uint32_t instance;            /* c: its number, from 1; 0: none */
	void *context;                /* c: of goaudit_open_instance */
	struct guest_entries entries; /* L: the entry layer's */
	struct generation *all;
	uint32_t live;     /* L: generations that are not gone; */
	uint32_t kept_old; /* L: of them, replaced ones that are kept for their number only */
	uint32_t kept;     /* L: by who has its pointer without the lock */
	bool leaving;      /* L: it is retired to be forgotten */
	bool closed;       /* L: is in registry.closed, linked by these */
	struct guest *closed_next, *closed_before;
	const char *path;         /* absolute, symbolic links resolved; the text lives as
						 * long as the guest, another one takes its place
						 * when a link has been turned; NULL: nobody's place */
	const char *name;         /* how it was opened, absolute: what leads to path */
	struct guest_text *texts; /* all that the two have been */
};

/* Guests lie in areas, each twice as large as the one before, which are never unmapped:
 * so a handle of a guest that is no more is known for one (places.h). */
#define PLACES_FIRST 64
#define PLACES_AREAS 11

struct places {
	struct guest *area[PLACES_AREAS]; /* atomic */
	uint32_t fresh;            /* places that have never been taken are from here on */
	struct guest *free, *last; /* given back, the one that is longest so first */
	uint32_t frees;            /* how many */
};

#define REGISTRY_RECORDS 65536 /* at the most */
#define REGISTRY_FIRST   512   /* that address space is reserved for at first */
#define REGISTRY_CHUNK   64    /* that get memory at a time */
#define REGISTRY_HISTORY 256   /* gone generations that stay readable */

struct registry {
	struct guest *guests;
	struct guest **guests_tail;
	struct index instances;                    /* by name */
	struct index by_path, by_name;             /* guests */
	struct index by_map, by_snapshot, by_file; /* generations that are not gone */
	struct index contents;                     /* of them */
	struct addresses addresses;                /* of them, once they are mapped */
	bool addresses_lost;                       /* not all of them */
	struct places places;
	struct guest *closed, *closed_last; /* by everybody, and nothing of them is held: the
						 * one that is longest so first */
	uint32_t dead;                      /* of them: instances, which never come back */
	uint32_t closes;                    /* how many; read without, atomic */
	struct generation
		*live; /* newest first; atomic: whether there is one is asked without */
	struct generation *used; /* DL: of them, those with users */
	struct generation *chunk[REGISTRY_RECORDS / REGISTRY_CHUNK]; /* parallel to the
						 * public records */
	uint32_t usable;   /* records that have memory behind them */
	uint32_t reserved; /* public records that there is address space
						 * for */
	uint32_t gone;     /* records in state GOAUDIT_GONE */
	uint32_t oldest;   /* where the search for a slot starts */
};

/* Companion libraries of the module, opened in the auditor's namespace at the first use:
 * the host never sees libelf or libdw.  L, constant once set. */
struct companions {
	/* libgoaudit-image.so */
	__typeof__(image_inspect) *inspect;
	__typeof__(image_mend) *mend;
	__typeof__(image_add_debug) *add_debug;
	__typeof__(image_probe) *probe;
	__typeof__(image_packages) *packages;
	__typeof__(image_clash) *clash;
	__typeof__(image_status_text) *status_text;
	/* libgoaudit-dwarf.so */
	__typeof__(image_compare_exports) *compare_exports;
	__typeof__(image_plan_copy) *plan_move;
	__typeof__(image_copy_free) *free_plan;
};

/* Retired generations that wait for the reaper, and what asks it for a round.  All L. */
struct retired {
	pthread_cond_t work;              /* what the reaper waits for; all else
						 * waits for core.changed */
	struct generation *queue, **tail; /* oldest first */
	unsigned queued;                  /* of them not yet tried */
	uint64_t wanted;                  /* rounds asked for */
	bool collected;                   /* Go has collected garbage since the last one */
};

struct guests {
	struct core *core;
	struct loader *loader;
	struct registry registry; /* L */
	struct companions companions;
	struct retired retired; /* L */
};

/* Does somebody have it open?  With core.lock. */
static inline bool guest_is_open_locked(const struct guest *guest)
{
	return guest->serving && guest->serving->info->references;
}

#endif
