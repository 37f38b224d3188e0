/* goaudit - closing and reloading shared libraries in a running process.
 *
 * The functions below exist in a process that was started with
 * LD_AUDIT=libgoaudit.so; nothing has to be linked.  They are declared weak:
 *
 *	if (goaudit_reclaim)		// NULL: not under the audit module
 *		handle = dlreload(handle);
 *
 * (dlreload alone does not tell: libdlbind has a function of that name, which passes what is
 * not its own on to this one.)  A program that is not linked as PIE finds them with
 * dlsym(RTLD_DEFAULT, "goaudit_reclaim").
 *
 * Every function here may be called from any thread, also from constructors
 * and from a guest's own code.  Failures are reported as for dlopen(3): NULL
 * or -1, and a text from dlerror(3) of the form "subject: reason: what to do".
 */
#ifndef GOAUDIT_H
#define GOAUDIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A mode bit of dlopen(3).  The last dlclose(3) takes the object out of the
 * link map without destroying it ("parks" it; see GOAUDIT_PARKED in goaudit(7) for how
 * many stay so); opening the same path again
 * puts the very same object back, or, when the file has changed, loads it as
 * a new generation and retires the old one.  glibc's dlopen rejects the
 * bit ("invalid mode parameter"), so a failing dlopen with it also tells that
 * the audit module is not there. */
#define RTLD_RELOADABLE 0x00100000

/* Another one, for Go guests: a panic that nothing in a guest recovers from ends
 * the exported function that the host has called and not the process.  The call
 * returns zero values, and goaudit_last_panic() tells what happened.  It goes
 * with the generation that this dlopen loads, and with those that follow it by
 * dlreload; GOAUDIT_PANIC=return in the environment does the same for all guests.
 * Not caught is what no Go program can recover from (a fatal error such as
 * concurrent map writes), and a panic in a goroutine that the guest has started. */
#define RTLD_PANIC_RETURN 0x00200000

/* And a third, with RTLD_RELOADABLE or for a Go guest: handles and function
 * addresses are those of a generation, as glibc has them.  The first opening of a
 * path decides; see dlreload. */
#define RTLD_RAW 0x00400000

/* Brings the file behind an open handle in, if it has changed.
 *
 *   handle  from dlopen or dlreload, open.
 *
 * The file is looked for by the name that dlopen was given (absolute, if it was not):
 * where a symbolic link in it has been turned, what stands there now is the new build.
 *
 * Returns `handle`, which stands for the guest and stays good, as do the function
 * addresses that dlsym(3) has given for it, until everybody has closed the guest and then
 * as many others as GOAUDIT_PARKED says (see goaudit(7)); after that it is refused as one
 * that is not open.  All addresses lead to the new generation, for all who have opened the
 * guest, from one moment on.  Calls under way end in the old one.  dlsym of a variable gives the current
 * generation's, an address that ends with it.  When the file has not changed, the
 * object is taken out of the link map and put back, so that a debugger reads it
 * again.  A guest has changed, too, when a library has that only guests need (see
 * goaudit(7)).
 *
 * On failure NULL is returned, dlerror(3) tells why, and the old generation goes on
 * with its references and its state unchanged.  It is a failure, too, if the new
 * build lacks a function whose address has been taken, or has one with another
 * signature (but see GOAUDIT_RELOAD_LACKING and GOAUDIT_RELOAD_ANY_SIGNATURE; a dlopen
 * that brings a new build in, when all have closed the guest, lets both pass).
 *
 * With RTLD_RAW: returns the handle of the current generation.  One reference, the
 * caller's, moves from `handle` to it: when they differ, `handle` must not be used
 * by this caller again, while other openers keep theirs until they close it or
 * reload it themselves.  Function addresses taken from the old generation stay
 * valid as long as somebody holds a reference to it. */
void *dlreload(void *handle) __attribute__((weak));

/* Whether the caller takes a new build: see goaudit_reload_options. */
typedef char *goaudit_check_function(void *symbol, void *arg);

/* dlreload with options. */
struct goaudit_reload_options {
	size_t size;                   /* sizeof(struct goaudit_reload_options) */
	unsigned flags;                /* GOAUDIT_RELOAD_... */
	const char *const *variables;  /* names up to a NULL, see below */
	unsigned init_timeout_ms;      /* 0: GOAUDIT_INIT_TIMEOUT, see below */
	unsigned reserved;             /* 0 */
	goaudit_check_function *check; /* NULL, or see below */
	const char *check_symbol;
	void *check_arg;
};

/* A Go guest's package variables are copied into the new generation after its
 * package inits (and before goaudit_load): those named in `variables`
 * ("main.count", "example.com/m/pkg.Table"; one without a package is of main) or,
 * where that is NULL, all that both builds have.  All are copied or none: the reload
 * fails with the path of the first field that differs in type or cannot move, such
 * as a pointer to a type of the guest.  Both builds need debug information, which
 * goaudit build makes.  No call into the guest should be under way: both
 * generations have the objects in common from then on. */
#define GOAUDIT_RELOAD_VARIABLES 1u

/* Any other function whose address has been taken and whose signature differs in
 * the new build makes a reload fail, where both builds have debug information.
 * This flag lets it pass. */
#define GOAUDIT_RELOAD_ANY_SIGNATURE 2u

/* The new build may lack functions whose addresses have been taken.  A call by such an
 * address is noted in GOAUDIT_LOG and ends in SIGILL, in a function of the name
 * goaudit_called_lacking_function, until a later build has the function again. */
#define GOAUDIT_RELOAD_LACKING 4u

/* goaudit_reload_instances only: either all instances move, at one moment, or none.  The new
 * generations are loaded and initialised one after another while the old ones go on, so both
 * have to fit; then all handles and addresses lead to the new ones, from one moment on.
 * goaudit_save is called before, so what an old one does after it is lost. */
#define GOAUDIT_RELOAD_TOGETHER 8u

/* With a limit, a Go guest's package inits run on a thread of their own.  If they have
 * not ended when it is over, the reload fails and the old generation goes on; the new
 * one is retired, and unmapped when its inits have ended and nothing uses it.  There
 * is no limit for constructors, nor when dlreload2 is called in one. */

/* A check is asked when the new build has been initialised, before anything moves over to it
 * and before it is current: with the address of the symbol of that name in it (NULL: it has
 * none), and check_arg.  It returns NULL, or why the build is not taken: a block from
 * malloc(3) that the module frees, and that becomes dlerror's text; the reload then fails.
 * On the caller's thread; not at all where no build is loaded, since the file has not
 * changed or somebody else has brought it in. */

/* As dlreload.  options: may be NULL, and is not kept. */
void *dlreload2(void *handle, const struct goaudit_reload_options *options)
	__attribute__((weak));

/* State that moves over.  A guest may export two functions with these names and
 * types; a new generation is handed what the old one has saved, after its
 * constructors and package inits and before it is current.
 *
 *   goaudit_save   in the old generation: returns a block from malloc(3), which the
 *                  module frees, with *size and a *version of the guest's choice;
 *                  NULL and *size 0: nothing to hand over; NULL and a *size: failed.
 *   goaudit_load   in the new one: returns 0, or anything else to refuse; the reload
 *                  (the reopen) then fails and the old generation goes on.
 *   goaudit_state_error  a third one, if there is one: asked in the build whose function
 *                  has failed; returns why, a block from malloc(3) that the module frees,
 *                  or NULL.  It becomes part of the error's text.
 *
 * Calls into the old generation may be under way meanwhile.  That goaudit_save was called
 * does not mean that a successor comes: see goaudit_return. */
typedef void *goaudit_save_function(size_t *size, unsigned *version);
typedef int goaudit_load_function(const void *data, size_t size, unsigned version);
typedef char *goaudit_state_error_function(void);

/* Leaving.  A guest in any language may export three more, to hear what becomes of it:
 *
 *   goaudit_leave   a new build is about to be loaded: called before its constructors and
 *                   package inits, and before goaudit_save.  Returns 0, or anything else to
 *                   refuse; the reload (the reopen) then fails with what
 *                   goaudit_state_error says.  The place to take back what the next build
 *                   registers anew, to stop threads and timers, to hand over descriptors.
 *   goaudit_return  the new build is not taken after all, whatever has failed: goaudit_leave
 *                   itself, an init, goaudit_load.  The generation goes on.  Called once for
 *                   each goaudit_leave; where there is none, for each build that was about
 *                   to be loaded.
 *   goaudit_close   the guest is closed, and no generation follows: everybody has closed it,
 *                   and it is not parked, or was forgotten.  Also in a build that was not
 *                   taken although its inits have run.  Called in the background, before it
 *                   is unmapped.  Not at the process's end.
 *
 * A generation hears goaudit_leave or goaudit_close as the last of them, never both.  They
 * run on a thread of the module's, while calls into the generation may be under way and are
 * served as always; in a constructor on the caller's.  The reload waits for goaudit_leave as
 * long as init_timeout_ms or GOAUDIT_INIT_TIMEOUT says, ten seconds where neither does: then
 * it fails, and goaudit_return follows when goaudit_leave has ended.  It waits so long for
 * goaudit_return, too.  They may call anything but a reload of their own guest. */
typedef int goaudit_leave_function(void);
typedef void goaudit_return_function(void);
typedef void goaudit_close_function(void);

/* Reloads a guest whenever its file changes, on a thread of the module's.
 *
 *   handle    open, not of RTLD_RAW; it must stay open until the watch is stopped.
 *   callback  called on that thread after each reload: error is NULL, or the text of
 *             what went wrong, valid during the call.  It may call anything, this
 *             function too.  NULL: stop; when that returns, no callback is running or
 *             will be, unless it is the callback itself that has stopped.
 *
 * A change is whatever puts another content at the name by which the guest was opened: a
 * write, a rename, a link, a folder on the way there that is made again or replaced, a
 * symbolic link that is turned; after which it has been left alone for 20 ms.  A build of
 * the same bytes counts as a reload (see dlreload).
 * Returns 0, or -1 with dlerror set. */
typedef void goaudit_watch_function(void *handle, const char *error, void *arg);
int goaudit_watch(void *handle, goaudit_watch_function *callback, void *arg)
	__attribute__((weak));

/* Opens an instance: a copy of a library with globals and thread-local variables of its
 * own, as many times as memory and the kernel's limit of mappings allow.  Its symbols are
 * bound to those of the host and of libraries, as of any guest.
 *
 *   path     has a slash.
 *   mode     dlopen's: RTLD_LAZY or RTLD_NOW; RTLD_DEEPBIND and RTLD_PANIC_RETURN if
 *            wanted.  Not RTLD_GLOBAL, which would mix the instances up.
 *   context  of the caller's choice; see goaudit_context_of.
 *
 * Returns a handle for dlsym, dlclose, dlreload and all else.  When it has been closed as
 * often as it was given out the instance is unmapped once nothing of it is in use, and never
 * comes back.  NULL, with dlerror: also when the process has the library already, as part of
 * the program or of an object that is no guest: its instances would be bound to that one's
 * symbols (with RTLD_DEEPBIND they are not). */
void *goaudit_open_instance(const char *path, int mode, void *context) __attribute__((weak));

/* The handle of the instance, or other guest, that an address lies in: of its code (a return
 * address) or data, or an address that dlsym has given for a function of it.  NULL: of none.
 * May be called in a signal handler: it takes no lock, and waits for nobody. */
void *goaudit_instance_of(const void *address) __attribute__((weak));

/* The context of that instance; NULL, too, for an address of none.  As goaudit_instance_of. */
void *goaudit_context_of(const void *address) __attribute__((weak));

/* dlreload2 of all instances that were opened by this path, one after another.  Returns how
 * many there are, or -1, with dlerror, when one has failed: those before it (in order of
 * opening) have the new build, it and the others the old one; with GOAUDIT_RELOAD_TOGETHER
 * all have. */
int goaudit_reload_instances(const char *path, const struct goaudit_reload_options *options)
	__attribute__((weak));

/* Waits until retired generations have been unmapped or found to be in use.
 *
 *   handle      a handle of the guest whose generations are meant, also one
 *               that is closed by now; NULL: all guests.
 *   timeout_ms  how long to wait at the most; negative: no limit.
 *
 * Returns how many retired generations are left (0: all unmapped), -1 on a
 * handle that was never ours. */
int goaudit_reclaim(void *handle, int timeout_ms) __attribute__((weak));

/* The text of the panic that ended a call of the calling thread last, followed by
 * its Go stack; see RTLD_PANIC_RETURN.  Or, if that was later, of the panic of a package
 * init that has made a dlopen or dlreload of the thread fail.
 *
 *   text  receives at most size - 1 bytes of it, and a NUL; may be NULL when
 *         size is 0.
 *
 * Returns the length of the whole text; 0: no call of this thread has ended so,
 * or 64 calls of other threads have since. */
size_t goaudit_last_panic(char *text, size_t size) __attribute__((weak));

/* Where a generation is in its life. */
enum goaudit_state {
	GOAUDIT_FREE = 0,     /* the record is unused */
	GOAUDIT_LOADING,      /* ld.so is mapping and relocating it */
	GOAUDIT_INITIALISING, /* Go: its package inits run */
	GOAUDIT_OPEN,         /* in the link map, referenced */
	GOAUDIT_PARKED,       /* closed: out of the link map, comes back on a reopen */
	GOAUDIT_SUPERSEDED,   /* a newer one is current, this one still referenced */
	GOAUDIT_RETIRED,      /* nobody refers to it: to be unmapped once unused */
	GOAUDIT_GONE,         /* unmapped; the record is history */
};

/* One generation, as goaudit_generations() and the debug interface
 * (goaudit-debug.h) show it.  Fields are only ever added at the end. */
struct goaudit_generation {
	uint32_t guest;        /* index of its guest, from 0, in order of first opening */
	uint32_t number;       /* generation of that guest, from 1 */
	uint32_t state;        /* enum goaudit_state */
	uint32_t references;   /* opens minus closes */
	uint32_t is_go;        /* a Go guest, else C, C++, ... */
	uint32_t holder;       /* retired: what holds it (enum go_holder, protocol.h), 0 none */
	uint64_t goroutine;    /* retired: the goroutine that holds it, 0 none */
	uint64_t handle;       /* what dlopen has returned: lasting, the same for all
				 * generations of a guest; with RTLD_RAW the link_map */
	uint64_t lo, hi;       /* its mapping */
	uint64_t opened_at;    /* CLOCK_REALTIME, ns */
	uint64_t snapshot_ns;  /* copying, checking and mending the file */
	uint64_t load_ns;      /* ld.so: mapping, relocation, constructors */
	uint64_t init_ns;      /* Go: registration and package inits */
	uint64_t unload_ns;    /* gone: check, unlinking and unmapping */
	uint64_t attempts;     /* retired: how often the check was made */
	char holder_text[256]; /* retired: "function (file:line)" of what holds it, or the
				 * thread, object or call */
	char path[512];        /* the file that the program named, absolute */
	char snapshot[512];    /* the file that is mapped */
	char holders[2048];    /* retired: all holders found, a line each: "what <- step
				 * <- step", from what is reached in it back to a
				 * goroutine or a variable */
	uint64_t failed_at;    /* when a reload of its guest failed last while it was
				 * current: CLOCK_REALTIME, ns; 0 none has */
	char failure[512];     /* why, as dlerror had it */
	uint32_t instance;     /* its number (goaudit_open_instance), 0: none */
	uint32_t unused;
	uint64_t context;  /* of goaudit_open_instance */
	char build_id[72]; /* of the file, in hex (ld --build-id); "" if it has none */
};

/* Copies the records of all generations, gone ones of the recent past included,
 * oldest first.
 *
 *   records      array of `count` structs; may be NULL when count is 0.
 *   record_size  sizeof(struct goaudit_generation) of the caller: a caller
 *                built against an older header gets the fields it knows.
 *
 * Returns how many there are, which may be more than `count`. */
size_t goaudit_generations(struct goaudit_generation *records, size_t count, size_t record_size)
	__attribute__((weak));

/* Figures of the one Go runtime in the process. */
struct goaudit_runtime {
	uint64_t heap_live; /* bytes of objects not yet swept */
	uint64_t heap_objects;
	uint64_t other_sys; /* bytes of the runtime's own permanent tables */
	uint64_t modules;   /* Go modules linked into it */
	uint64_t itabs;
	uint64_t goroutines;
	uint64_t start_ns; /* what its start took */
	char version[64];  /* "go1.26.8" */
	char path[512];    /* of the runtime library */
};

/* Fills *runtime (of `size` bytes); collect: how many collections to run first.
 * Returns 0, or -1 when no Go runtime runs. */
int goaudit_runtime_stats(struct goaudit_runtime *runtime, size_t size, int collect)
	__attribute__((weak));

#ifdef __cplusplus
}
#endif
#endif
