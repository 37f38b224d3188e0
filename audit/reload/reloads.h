/* The layer of changes: generations open, close, replace one another, and go. */
#ifndef GOAUDIT_RELOAD_RELOADS_H
#define GOAUDIT_RELOAD_RELOADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"

struct adapters;
struct core;
struct entries;
struct guests;
struct loader;

struct open_request {
	const char *path; /* absolute, resolved */
	const char *name; /* absolute: what the host has asked for, or ld.so found */
	int fd;           /* the open file; stays the caller's; -1: an instance whose name
			   * leads to the file of the last one */
	struct file_stamp stamp; /* an instance's: of it */
	int mode;                /* dlopen's, without the bits that are ours */
	bool reloadable;
	bool panic_return; /* RTLD_PANIC_RETURN */
	bool raw;          /* RTLD_RAW */
	bool instance;     /* a new one, and never anything else */
	void *context;     /* of it */
};

/* A queue this long makes the thread that adds to it wait for a round, so that
 * a host that reloads in a loop cannot outrun the reaper. */
#define REAPER_BACKLOG 32

/* All L, but where said. */
struct reaper {
	bool started, stop;
	uint64_t done;         /* rounds finished */
	unsigned soon;         /* so many in a row ended with a holder that was
						 * about to let go */
	uint64_t spent, ended; /* the last round's work, and its end; ns */
	unsigned hurry;        /* threads that wait for a round */
};

/* All L, but where said. */
struct lingering {
	struct thread *threads; /* that have something in guests, threads.h */
	bool has_key;           /* L: key is a key of the host's libc */
	pthread_key_t key;      /* c once it is one; the value is the thread's record */
	unsigned waiting;       /* retired generations that are to be tried again */
	unsigned leaving;       /* of these, those that a dlclose under way will take */
	uint64_t step;          /* counts retire_try */
};

struct reloads {
	struct core *core;
	struct loader *loader;
	struct guests *guests;
	struct entries *entries;
	struct adapters *adapters;
	struct reaper reaper;
	struct lingering linger;
	struct registered *registered; /* L: with libc, by guests; registered.h */
	unsigned tell;                 /* L: generations whose goaudit_close is to be called */
	bool interrupted;              /* D: recover has to look */
};

#endif
