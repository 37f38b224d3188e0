/* The state machine of a generation.
 *
 *                    dlopen                     dlclose to 0
 *   LOADING -> (Go: INITIALISING) -> OPEN <----------------> PARKED
 *                                    | dlreload,   dlopen       | dlopen finds
 *                     still referenced| changed     unchanged    | a changed file
 *                        SUPERSEDED <-+-> RETIRED <-------------+
 *                             |               ^ |
 *                             +- dlclose to 0-+ +-> GONE (reaper.c; C at once)
 *
 * A Go guest that was opened without RTLD_RELOADABLE goes from OPEN to RETIRED
 * at its last dlclose.
 *
 * Every step that the link map sees is one transaction under ld.so's load lock
 * (transaction_run), which also orders them: no two of them are ever under
 * way, and a constructor that opens, closes or reloads waits for nobody.  What
 * takes long is outside of it: reading the file before, Go's package inits
 * after; while these run the generation is INITIALISING, and other threads
 * that open the same guest wait for it. */
#ifndef GOAUDIT_RELOAD_RELOAD_H
#define GOAUDIT_RELOAD_RELOAD_H

#include <stdbool.h>

struct goaudit_reload_options;
struct open_request;
struct reloads;

/* dlopen of a file of ours: handle, or NULL with dlerror set. */
void *reload_open(struct reloads *rl, const struct open_request *request);

/* dlopen of a path whose file is gone: one more reference to the open object.
 * false: it is not open. */
bool reload_open_existing(struct reloads *rl, const char *path, void **handle);

/* A handle that ld.so returned.  If the object is one of ours, the reference
 * that it has cost there becomes one of ours.  false: it has been closed since;
 * path (PATH_MAX bytes) is the file to open again. */
bool reload_adopt(struct reloads *rl, void **handle, char *path);

/* Is it a handle of ours? */
bool reload_knows(struct reloads *rl, const void *handle);

/* The same for several at one moment: either all have moved, or none.  Those that have been
 * closed meanwhile are passed over.  Returns how many there are, or -1 with dlerror set. */
int reload_together(struct reloads *rl, void *const *handles, unsigned count,
		    const struct goaudit_reload_options *options);

/* dlreload: see goaudit.h. */
void *reload_reload(struct reloads *rl, void *handle,
		    const struct goaudit_reload_options *options);

/* At exit: puts every hidden object back, so that its destructors run. */
void reload_finish(struct reloads *rl);

#endif
