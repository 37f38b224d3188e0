/* The one Go runtime of the process, and how to talk to it.
 *
 * It is a library of its own (libstd.so, built by `goaudit runtime`), found in
 * a Go host that was linked with it, or started at the first guest:
 *
 *   main.main stub    RTLD_GLOBAL, before all: the library's one open symbol
 *   libstd.so         RTLD_GLOBAL, never closed
 *   runtime.islibrary = 1, or the end of main.main would end the process
 *   _rt0_amd64_linux_lib(argc, argv), _cgo_wait_runtime_init_done()
 *   goauditHello      returns only when all of std is initialised
 */
#ifndef GOAUDIT_ADAPTER_GO_GORT_H
#define GOAUDIT_ADAPTER_GO_GORT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/go/funcs.h"
#include "goaudit.h"
#include "image/image.h"

struct adapter_init;
struct adapters;
struct generation;
struct go_module;
struct go_move;

enum gort_state {
	GORT_NONE,
	GORT_STARTING,
	GORT_READY,
	GORT_FAILED,
	GORT_PARENTS, /* it runs in the process that this one was forked from */
};

/* The one Go runtime of the process.  L; constant once ready. */
struct gort {
	enum gort_state state;
	int pid; /* of the process that it runs in */
	struct link_map *map;
	bool program_seen;  /* binding.c has looked whether */
	bool program_names; /* the program defines names of Go's */
	void (*crosscall2)(void *fn, void *arg, int size, uintptr_t context);
	void *enter, *init, *unlink, *settle, *guard, *stats; /* protocol.h's entry points */
	uint8_t abi_hash[IMAGE_HASH_MAX];
	unsigned abi_hash_len;
	uint64_t start_ns;
	char version[64];
	char path[512];
	struct library *libraries; /* L: grows at the head (library.h) */
	const void *bringing;      /* L: the thread that brings libraries in; NULL: none */
	const char *own;           /* packages that the program has of its own; with bringing */
	struct funcs funcs;
};

/* Calls an entry point of the runtime (go/protocol.h).  Without locks. */
void gort_call(struct adapters *ad, void *fn, void *request);

/* See struct adapter. */
void gort_start(struct adapters *ad);

/* Makes the runtime run that a guest was linked against.
 * Returns 0, or -1 with dlerror set. */
int gort_ensure(struct adapters *ad, const struct image_facts *facts, const char *guest_path);

/* Is there a runtime that runs in this process? */
bool gort_runs_here(const struct adapters *ad);

/* In a forked child, with core.lock: what has been started runs in the parent. */
void gort_forked(struct adapters *ad);

/* What a guest's constructor calls in place of runtime.addmoduledata: notes the
 * module for the load that is under way on this thread. */
void gort_module_found(void *moduledata);

/* Registers a loaded generation's module with the runtime and runs its package
 * inits on this thread (struct adapter, initialise).  init->request is its go_init. */
void gort_init(struct adapters *ad, struct generation *gen, struct generation *const *others,
	       unsigned n, struct adapter_init *init);

/* Ends what a successful gort_init has begun: the generation is current from now
 * on, or has failed after all.  Without locks. */
void gort_end_takeover(struct adapters *ad, const struct generation *gen, bool failed);

/* Unlinks those of n modules that nothing uses.  Without locks: it may wait for
 * a garbage collection to end.  Returns whether something that holds one is about
 * to let go, so that it is worth to try again shortly; for the others it is worth
 * it after the next collection, which calls retired_collected. */
bool gort_unlink(struct adapters *ad, struct go_module *modules, unsigned n);

/* See goaudit_runtime_stats. */
int gort_stats(struct adapters *ad, struct goaudit_runtime *out, int collect);

/* Moves package variables from one generation to another one (protocol.h).  Returns 0 when
 * the runtime has answered, or -1 with dlerror set.  Without locks. */
int gort_move(struct adapters *ad, struct go_move *request);

#endif
