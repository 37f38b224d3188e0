/* What all layers stand on: the settings, the one lock of the records, and how the
 * process is.
 *
 * Each layer has a folder, a struct and pointers to the layers below it:
 *
 *   core < loader < guest < entry < adapter < reload < api
 *
 * A function's first argument tells its layer.  HACKING has the map, the order of the
 * locks, and the letters that stand at the fields of shared structs. */
#ifndef GOAUDIT_CORE_CORE_H
#define GOAUDIT_CORE_CORE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "dlbind.h"
#include "goaudit.h"

#define ERROR_TEXT_MAX 1536

/* E. */
struct error_text {
	struct error_text *next;
	const void *thread;
	int tid;   /* an address may come to be another thread's */
	int shown; /* returned by dlerror once: the next call frees it */
	char text[ERROR_TEXT_MAX];
};

/* For libdlbind's texts; E, the bytes are the thread's own. */
struct error_place {
	struct error_place *next;
	const void *thread;
	int tid;
	_Alignas(max_align_t) char bytes[];
};

struct errors {
	pthread_mutex_t lock; /* the letter E: the lists; a leaf */
	struct error_text *pending;
	struct error_place *places; /* of threads that are gone, too */
};

/* c once log_start has returned.  A host may close all descriptors, as daemons do,
 * and open files of its own under the same numbers: so each line looks first whether the
 * descriptor is still the log's, and goes to the file by its name where it is not. */
struct log {
	bool on;
	int fd;
	dev_t device; /* what fd was opened as, */
	ino_t inode;
	int flags;           /* and how */
	char path[PATH_MAX]; /* "": standard error, or a file without a lasting name */
};

/* Texts are copies: a host may write a title over its environment. */
struct settings {
	bool secure;
	char *reloadable;         /* globs, each with its NUL, and one more NUL; or NULL */
	char *log;                /* NULL: no log */
	char *cache, *snapshots;  /* NULL: the default */
	unsigned reaper_share;    /* percent of a processor */
	unsigned held_max;        /* retired generations that may be held, */
	uint64_t held_bytes;      /* and the size of their mappings */
	unsigned old_generations; /* of a guest that stay mapped: those replaced last; */
	bool old_by_language;     /* nobody has said how many */
	unsigned parked;          /* guests that all have closed, and that are kept */
	unsigned init_timeout;    /* ms; 0: no limit */
	bool panic_return;
	bool keep;      /* snapshots outlive the process */
	bool here_only; /* children run without the module */
	bool control;   /* goaudit reload is answered */
	char *watch;    /* globs, as reloadable */
};

/* How long a constructor waits for what another thread does with a guest: it
 * holds ld.so's lock, and the other one may need it. */
#define CONSTRUCTOR_WAIT_NS 10000000000ull

struct core {
	struct settings settings; /* c */
	struct log log;
	struct errors errors;
	pthread_mutex_t lock;   /* the letter L: records of guests, and what says so */
	pthread_cond_t changed; /* a generation's state, the runtime's, or the
					 * reaper's progress has changed; with lock */
	bool idle;              /* c: this glibc is too old: no callback does anything */
	int inside;             /* this is a child that a signal handler has forked, which had
				 * interrupted us with a lock in hand: the thread's number in
				 * the parent, until that lock is free; else 0 */
	bool inside_loader;     /* or had interrupted ld.so */
	bool forked;            /* L: this is a forked child */
	bool exiting;           /* L: the exit handler has run */
	char home[512];         /* c: folder of libgoaudit.so and its companions */
};

/* Finds `home` by an address in the module. */
void core_find_home(struct core *core);

#endif
