/* What the module knows of one language's runtime: functions that the layers above call
 * without knowing which language it is.
 *
 * A generation has the adapter of its image's language from its load on
 * (struct generation, adapter).  A function that is NULL has nothing to do: C, and
 * whatever ld.so alone can open and close, is the empty adapter.
 *
 *		Go			D			C++, Rust
 *	prepare	start the runtime	its library runs	-
 *	mapped	bind to it		-			-
 *	redirect	modules, panics	dladdr of druntime	-
 *	initialise	package inits	- (ld.so calls it)	-
 *	held	-			objects, threads	-
 *	unlink	the proof		-			-
 *
 * Two ways lead out.  Of a language whose runtime has to let go of a generation first
 * (reaped), the reaper's thread asks `unlink`, for many at a time and in no transaction;
 * `held` is asked of the others, one at a time, on the thread that closes. */
#ifndef GOAUDIT_ADAPTER_ADAPTER_H
#define GOAUDIT_ADAPTER_ADAPTER_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "goaudit.h"
#include "image/image.h"

struct adapters;
struct generation;
struct redirection;

/* What holds a generation (goaudit_generation.holder), where it is not only the
 * language's business.  An adapter's own numbers lie between. */
enum adapter_holder {
	HOLDER_NONE = 0,
	HOLDER_RUNNING = 1, /* code of it runs */
	HOLDER_BUSY = 14,   /* no answer this time: it may come soon */
	HOLDER_CALL = 64,   /* a call of the host is under way (entry/calls.h) */
	HOLDER_LOADER,      /* ld.so does not let it go (reload/linger.h) */
	HOLDER_KEPT,        /* GOAUDIT_OLD_GENERATIONS */
};

enum adapter_verdict {
	ADAPTER_GOOD,
	ADAPTER_PANICKED, /* text: of the panic */
	ADAPTER_FAILED,   /* text: why, and what to do */
};

/* One initialisation. */
struct adapter_init {
	enum adapter_verdict verdict;
	char text[1024];
	/* Points to what becomes not 0 when the initialisers begin to run; NULL: they cannot
	 * begin yet.  Atomic, and so is what it points to. */
	const uint64_t *begun;
	void *request; /* the adapter's, malloc'ed; who has asked frees it */
};

/* What an `unlink` is asked about one generation, and the answer. */
struct adapter_answer {
	struct generation *gen; /* in */
	bool held;              /* else it has left the runtime, or never was in it */
	uint32_t holder;        /* held: enum adapter_holder, or a number of the adapter's */
	uint64_t goroutine;     /* held: its id, or 0 */
	char text[256];         /* held: the first holder, one line */
	const void *detail;     /* the adapter's, for `holders`; until the next unlink */
};

#define ADAPTER_BATCH 32 /* answers at a time */

struct adapter {
	const char *language; /* as people call it */
	/* Does this language's runtime have to let go of a generation, and the reaper ask it? */
	bool reaped;
	/* Can a panic end a call only (RTLD_PANIC_RETURN)? */
	bool returns_panics;

	/* Once, from la_version. */
	void (*start)(struct adapters *ad);

	/* Is the image one of this language's guests? */
	bool (*recognises)(const struct image_facts *facts);

	/* Is the open file a guest that is ours without RTLD_RELOADABLE?  Every dlopen of the
	 * host asks, so the first look has to be a cheap one.  In no lock. */
	bool (*claims)(struct adapters *ad, int fd);

	/* Makes the runtime run that a guest needs.  Returns 0, or -1 with dlerror set.
	 * Without locks. */
	int (*prepare)(struct adapters *ad, const struct image_facts *facts,
		       const char *guest_path, bool panic_return);

	/* Does the runtime run, and in this process? */
	bool (*runs_here)(const struct adapters *ad);

	/* la_objopen: a generation has been mapped, and is not relocated yet.  With ld.so's
	 * load lock, without ours. */
	void (*mapped)(struct adapters *ad, struct generation *gen, const struct link_map *map);

	/* Is an object of the host's own the language's runtime library, so that `redirect` is
	 * asked for it, too?  As `mapped`. */
	bool (*is_runtime)(const struct link_map *map);

	/* Where a reference to the name is to lead; NULL: where it does.  gen: the generation
	 * whose reference it is; NULL: the runtime library's.  As `mapped`. */
	const struct redirection *(*redirect)(struct adapters *ad, const struct generation *gen,
					      const char *name);

	/* The path of a library that a generation needs by this name; NULL: ld.so searches.
	 * As `mapped`. */
	const char *(*search)(struct adapters *ad, const char *name);

	/* Makes the runtime know a loaded generation and runs its initialisers, on this
	 * thread.  others: the guest's older ones, kept.  Its record gets the figures.
	 * Without locks. */
	void (*initialise)(struct adapters *ad, struct generation *gen,
			   struct generation *const *others, unsigned n,
			   struct adapter_init *init);

	/* Initialisers have panicked: logs where, with the stack, and keeps that for
	 * last_panic, on the thread that has asked.  Without locks. */
	void (*init_panicked)(struct adapters *ad, const char *guest_path,
			      const struct adapter_init *init);

	/* Ends what a good `initialise` has begun: the generation is current from now on, or
	 * has failed after all.  Without locks. */
	void (*end_takeover)(struct adapters *ad, const struct generation *gen, bool failed);

	/* Moves variables from one build into the next, all or none (reload/move.h).
	 * Returns 0, or -1 with dlerror set.  Without locks. */
	int (*move)(struct adapters *ad, const struct generation *old,
		    const struct generation *new, const char *const *names);

	/* reaped: takes those of n retired generations out of the runtime that nothing uses.
	 * On the reaper's thread, without locks.  Returns whether something that holds one is
	 * about to let go, so that another try is worth it soon; for the others retired_collected
	 * says when.  n <= ADAPTER_BATCH. */
	bool (*unlink)(struct adapters *ad, struct adapter_answer *answers, unsigned n);

	/* All holders that an answer has found, a line each, cut where they do not fit.  On
	 * the reaper's thread, before the next unlink, without locks. */
	void (*holders)(struct adapters *ad, const struct adapter_answer *answer, char *out,
			size_t size);

	/* not reaped: what holds a retired generation, a line each; false: nothing that the
	 * language knows of.  In a transaction, on the thread that would unmap it, without our
	 * lock. */
	bool (*held)(struct adapters *ad, struct generation *gen, char *out, size_t size);

	/* See goaudit_runtime_stats and goaudit_last_panic. */
	int (*stats)(struct adapters *ad, struct goaudit_runtime *out, int collect);
	size_t (*last_panic)(struct adapters *ad, char *text, size_t size);

	/* In a forked child, with core.lock: what has been started runs in the parent. */
	void (*forked)(struct adapters *ad);
};

#endif
