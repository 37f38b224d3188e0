/* The audit module's one state.
 *
 * Data flows one way:
 *
 *   ld.so's callbacks (audit.c)      record, or run a transaction's function
 *   intercept.c                      which calls of the host are ours
 *   tables.c                         what ld.so reads of an object, changed
 *   open.c                           from dlopen's arguments to a file of ours
 *   registry.c                       guests and their generations
 *   needed.c                         libraries that only guests need
 *   reload.c, close.c, retire.c      the state machine: open, close, reload
 *   init.c                           package inits, with a limit or without
 *   inherit.c, handover.c            what a new generation takes over
 *   reaper.c                         unloading, on a thread of its own
 *   linger.c                         what ld.so keeps after our dlclose, and for whom
 *   gate.c, facade.c                 who is inside a guest, and where calls lead
 *   gort.c                           the Go runtime
 *   debugger.c, journal.c            who is told: r_debug, goaudit-debug.h
 *   settings.c, log.c                the environment, and what is told
 *   made.c                           objects that libdlbind makes for all of them
 *   host.c, recover.c                exit; fork, and what it has interrupted
 *
 * Locks, in the order in which they may be taken:
 *   1. ld.so's load lock    (ldso_transaction) every change of a generation's
 *                           state that the link map sees
 *   2. ld.so's write lock   (dl_iterate_phdr) the link map's pointers; a fork takes
 *                           it, too, where it has been found
 *   3. lock                 registry: guests, generations, the retired queue
 *   4. libdlbind's          (dlbind/state.h)
 *   5. calls_lock           the list of calls; a leaf
 *      errors.lock          texts for dlerror, and libdlbind's; a leaf
 *      guard.lock           texts of panics; a leaf
 *   6. memory_lock          malloc; the last one of all
 * No lock of ours is held across a call into ld.so, libdlbind (which calls ld.so), Go,
 * or the host.  All from 2 on are held together to a fork only: before_fork (host.c)
 * names every lock that there is. */
#ifndef GOAUDIT_STATE_H
#define GOAUDIT_STATE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/transaction.h"
#include "core/error.h"
#include "entry/entry.h"
#include "adapter/gort.h"
#include "adapter/panic.h"
#include "reload/move.h"
#include "loader/ldso.h"
#include "reload/linger.h"
#include "core/log.h"
#include "loader/tiny.h"
#include "reload/reaper.h"
#include "guest/registry.h"
#include "core/settings.h"
#include "guest/snapshot.h"

enum host_state { HOST_UNKNOWN, HOST_BEING_SET, HOST_KNOWN };

/* Functions of the host's own libc, for what must run there: threads and exit
 * handlers.  Set by host_init. */
struct host {
	int (*pthread_create)(pthread_t *, const pthread_attr_t *,
			      void *(*)(void *), void *);
	int (*cxa_atexit)(void (*)(void *), void *, void *);
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void),
			       void *);
	char *(*dlerror)(void);
	void (*free)(void *);
	char ***environ;
	int argc;
	char **argv;			/* the process's own, as it began: copies, for a host may
					 * write a title over them; NULL: no memory */
	char **env;			/* the environment's vector, which is the host's, */
	char **auxv;			/* and the kernel's one behind it: pairs up to AT_NULL */
	enum host_state state;		/* atomic */
	bool hooked;			/* the exit handler is registered; guarded by lock */
	/* Of the fork under way; guarded by lock. */
	int fork_cancel;		/* the thread's cancel state before it */
	bool fork_write_lock;		/* ld.so's has been taken */
};

/* How long a constructor waits for what another thread does with a guest: it
 * holds ld.so's lock, and the other one may need it. */
#define CONSTRUCTOR_WAIT_NS 10000000000ull

struct goaudit {
	struct settings settings;	/* see settings.h; constant */
	struct log log;			/* see log.h */
	struct host host;
	struct ldso ldso;

	pthread_mutex_t calls_lock;
	pthread_cond_t calls_changed;	/* with calls_lock: a call has ended, or a fork */
	struct call *calls;		/* guarded by calls_lock */
	unsigned forks;			/* threads that are about to fork; guarded by calls_lock */

	struct errors errors;

	pthread_mutex_t lock;
	pthread_cond_t changed;		/* a generation's state, the runtime's, or the
					 * reaper's progress has changed; with lock */
	struct registry registry;	/* guarded by lock */
	struct reaper reaper;		/* guarded by lock */
	struct linger linger;		/* guarded by lock */
	struct guard guard;		/* see guard.h */
	struct gate gate;		/* see gate.h */
	struct gort gort;		/* guarded by lock; constant once ready */
	struct snapshots snapshots;	/* see snapshot.h */
	struct made made;		/* see made.h */
	struct inherit inherit;		/* see inherit.h */

	struct watch *watches;		/* guarded by lock */
	struct table_copy *tables;	/* guarded by ld.so's load lock; see tables.h */

	bool idle;			/* this glibc is too old: no callback does anything */
	bool forked;			/* this is a forked child */
	bool interrupted;		/* recover has to look; guarded by the load lock */
	bool exiting;			/* the exit handler has run */
	char home[512];			/* folder of libgoaudit.so and its companions */
};

extern struct goaudit goaudit_state;

#endif
