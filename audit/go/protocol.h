/* The calls from C into package runtime.
 *
 * Each request is one struct, passed by address through
 *
 *	crosscall2(fn, &request, 0, 0)
 *
 * where fn is the ABIInternal address of a Go func(unsafe.Pointer) that the
 * overlay (audit/go/overlay) adds to package runtime; libstd.so exports it as
 * "runtime.NAME.abiinternal".  crosscall2 is runtime/cgo's own way from C into
 * Go (runtime/cgo/asm_amd64.s): it may be called on any thread, also on one
 * that never ran Go, and returns when the Go function has returned.
 *
 * The Go side declares the same structs field by field
 * (overlay/runtime/goaudit.go).  All fields are 8 bytes wide or arrays of bytes, so no padding.
 * Text is UTF-8, always NUL-terminated, cut where it does not fit. */
#ifndef GOAUDIT_GO_PROTOCOL_H
#define GOAUDIT_GO_PROTOCOL_H

#include <stdint.h>

/* Raised with every change of a struct below.  It is part of the first entry's
 * name, so that a library of another release is seen to be one before it is
 * loaded: image_inspect looks for that name. */
#define GO_PROTOCOL 8

#define GO_FN_HELLO  "runtime.goauditHello8.abiinternal"
#define GO_FN_ENTER  "runtime.goauditRegister.abiinternal"
#define GO_FN_INIT   "runtime.goauditInit.abiinternal"
#define GO_FN_UNLINK "runtime.goauditUnlink.abiinternal"
#define GO_FN_SETTLE "runtime.goauditSettle.abiinternal"
#define GO_FN_GUARD  "runtime.goauditGuard.abiinternal"
#define GO_FN_STATS  "runtime.goauditStats.abiinternal"
#define GO_FN_MOVE   "runtime.goauditMove.abiinternal"

/* First call into a runtime.  Returns only when the runtime and all of std
 * are initialised (runtime.cgocallbackg waits for main_init_done), which is
 * what makes a module that is opened next safe to initialise. */
struct go_hello {
	uint64_t size;            /* in: sizeof(struct go_hello) */
	int (*collected)(void *); /* in: is called with NULL, on a thread of the
				 * runtime, at the end of the first collection after
				 * an unlink that has held a module; may be NULL */
	uint64_t protocol;        /* out: GO_PROTOCOL of the overlay */
	uint64_t moduledata;      /* out: sizeof(moduledata), for the log */
	uint64_t modinfo;         /* in: text of the program's build information, or 0 */
	uint64_t modinfo_n;
	char version[64]; /* out: runtime.Version() */
};

/* What became of an init or an unlink. */
enum go_verdict {
	GO_OK = 0,        /* initialised; unlinked */
	GO_NOT_FOUND = 1, /* no module of the list lies in [lo, hi) */
	GO_PANIC = 2,     /* init: the guest's init panicked; the module is
				 * registered and must be unlinked like any other */
	GO_HELD = 3,      /* unlink: something still uses the module */
};

/* What holds a module (go_module.holder). */
enum go_holder {
	GO_HOLDER_NONE = 0,
	GO_HOLDER_FRAME, /* a goroutine has a frame in it */
	GO_HOLDER_START, /* a goroutine was started with a function of it */
	GO_HOLDER_DEFER, /* a deferred call or a panic in flight */
	GO_HOLDER_TIMER, /* a timer or ticker would call or reach it */
	GO_HOLDER_FINALIZER,
	GO_HOLDER_CLEANUP,
	/* The proof finds the rest. */
	GO_HOLDER_POINTER, /* a pointer to a variable of it */
	GO_HOLDER_TYPE,    /* an interface value of a type of it */
	GO_HOLDER_FUNC,    /* a func value */
	GO_HOLDER_OBJECT,  /* an object of a type of it */
	GO_HOLDER_CHAN,    /* a channel of such */
	GO_HOLDER_STACK,   /* a goroutine's local variable */
	GO_HOLDER_STRING,  /* a string that cannot be copied at the moment */
	GO_HOLDER_BUSY,    /* no proof this time: it may succeed soon */
	GO_HOLDER_PROFILE, /* one is recorded that may have functions of it */
	GO_HOLDER_LISTED,  /* a module that its code has put on the runtime's list */
	/* Not of the Go side's finding. */
	GO_HOLDER_CALL = 64, /* a call of the host is under way (entry/calls.h) */
	GO_HOLDER_LOADER,    /* ld.so does not let it go (reload/linger.h) */
	GO_HOLDER_KEPT,      /* GOAUDIT_OLD_GENERATIONS */
};

#define GO_HELD_MAX 8

/* One holder. */
struct go_held {
	uint64_t kind;      /* out: enum go_holder */
	uint64_t goroutine; /* out: its id, or 0 */
	uint64_t variable;  /* out: address of the variable that the path starts
				 * at, or 0: it has a name for the linker only */
	uint64_t target;    /* out: address of what is reached in the module, or 0 */
	char text[512];     /* out: "what <- step <- step": what is reached, then
				 * the objects on the way back to the root */
};

struct go_range {
	uint64_t lo, hi; /* a DSO's mapping */
};

/* Registers one module: merges its types with those that stay, and enters it into the
 * tables of the runtime.  The guest's DSO has been loaded.  Its constructor has not put
 * its moduledata on the list itself (runtime.addmoduledata does so without a lock) but
 * handed it to us (api/targets.c), so that the list has one writer: the Go side, under
 * its own lock.  All words that are given are writable. */
struct go_register {
	uint64_t size;              /* in */
	uint64_t lo, hi;            /* in: the DSO's mapping */
	uint64_t module;            /* in: address of its moduledata, not on the list yet;
				 * 0: it is on the list, to be found by lo and hi */
	uint64_t lasting;           /* in: not 0: it will never be unlinked, and types of other
				 * modules are merged with its own */
	uint64_t limited;           /* in: not 0: of lasting modules other than the program and
				 * the runtime library, types of packages are merged with
				 * those of `libraries` only */
	struct go_range *libraries; /* in: those that the DSO needs */
	uint64_t libraries_n;
	uint64_t *types; /* in: addresses of relocated words that lead to a type
				 * of the DSO's */
	uint64_t types_n;
	uint64_t *itabs; /* in: and to an itab */
	uint64_t itabs_n;
	uint64_t lists;   /* in: not 0: it refers to runtime.lastmoduledatap */
	uint64_t modinfo; /* in: text of its build information, or 0; it stays as long
				 * as the module does */
	uint64_t modinfo_n;
	uint64_t name; /* in: "guest.so generation 3", or 0: it stays.  The runtime copies it */
	uint64_t name_n;
	uint64_t file; /* in: what it was loaded from, for a crash's report, copied, too */
	uint64_t file_n;
	uint64_t verdict;     /* out: GO_OK, GO_NOT_FOUND: nothing has been done */
	uint64_t led;         /* out: how many words lead elsewhere now */
	uint64_t merge_ns;    /* out: looking the types up */
	uint64_t register_ns; /* out: all of it */
};

/* Runs the package inits of a module that has been registered, on this thread. */
struct go_init {
	uint64_t size;           /* in */
	uint64_t lo, hi;         /* in: the DSO's mapping */
	struct go_range *others; /* in: the older generations: names that they have */
	uint64_t others_n;       /* registered with std are taken over as the inits register
				 * them, and given back if those panic; go_settle has to
				 * follow if they do not */
	uint64_t begun;          /* out: becomes not 0 when the inits begin */
	uint64_t verdict;        /* out: enum go_verdict */
	uint64_t init_ns;        /* out: package inits */
	uint64_t stack;  /* out: GO_PANIC: as go_guard.panic, the text with the Go stack */
	char text[1024]; /* out: GO_PANIC: the panic's text, and where in the guest */
};

/* Ends the take-over of names that a successful init has begun.  Until then the
 * older generations cannot be unlinked.  With `failed` also for an init that is still
 * running, after which it has to be called again. */
struct go_settle {
	uint64_t size;   /* in */
	uint64_t lo, hi; /* in: the new generation's mapping */
	uint64_t failed; /* in: not 0: the older ones get their names back */
};

/* One candidate of an unlink. */
struct go_module {
	uint64_t lo, hi;      /* in: the DSO's mapping */
	uint64_t number;      /* in: its generation's, for the names of its functions in
			       * profiles once it is gone */
	uint64_t verdict;     /* out: GO_OK (unlinked), GO_HELD, GO_NOT_FOUND */
	uint64_t holder;      /* out: enum go_holder, with GO_HELD */
	uint64_t goroutine;   /* out: its id, or 0 */
	char text[256];       /* out: GO_HELD: "func (file:line)", one line */
	uint64_t variable;    /* out: as in go_held, of the first holder */
	uint64_t nheld;       /* out: how many of `held` are filled; none where
				 * the cheap check has found a holder */
	struct go_held *held; /* in: GO_HELD_MAX of them, or NULL */
};

/* How to unlink. */
enum go_unlink_flags {
	GO_UNLINK_PROVE = 1,   /* prove that nothing outside of a module leads to
				 * it; else only the cheap check is made */
	GO_UNLINK_STOPPED = 2, /* the proof must not run beside the program: what it
				 * does where the kernel cannot track writes */
	/* For tests: leave a part of the check out. */
	GO_UNLINK_NO_TYPE_WORDS = 1 << 16,
	GO_UNLINK_NO_CLOSURES = 1 << 17,
	GO_UNLINK_NO_HEADERS = 1 << 18,
	GO_UNLINK_NO_CHANS = 1 << 19,
	GO_UNLINK_NO_STRINGS = 1 << 20,
	GO_UNLINK_NO_SCRUB = 1 << 21,
	GO_UNLINK_NO_FRAMES = 1 << 22,
	GO_UNLINK_NO_TIMERS = 1 << 23,
	GO_UNLINK_NO_FINALIZERS = 1 << 24,
	GO_UNLINK_NO_POINTERS = 1 << 25,
	GO_UNLINK_NO_VERDICT = 1 << 26,  /* hold everything after the purge */
	GO_UNLINK_NO_GHOSTS = 1 << 27,   /* profiles lose the names of what is gone */
	GO_UNLINK_NO_BETWEEN = 1 << 28,  /* flags are looked at while others use them */
	GO_UNLINK_NO_HOLD_OFF = 1 << 29, /* collections are held off by gcsema alone */
};

/* Unlinks those of n modules that nothing uses: purges the caches of std that
 * know their types (world running; put back if something uses them after all), and takes the unused ones out of every table
 * of the runtime in a stop of the world that checks first.  The world is stopped
 * at least twice; overlay/runtime/_unlink/goaudit_unlink.go has the order.  Verdicts are
 * per module. */
struct go_unlink {
	uint64_t size;             /* in */
	uint64_t n;                /* in */
	struct go_module *modules; /* in, out: n of them */
	uint64_t stopped_ns;       /* out: how long the world stood, all stops added up */
	uint64_t total_ns;         /* out */
	uint64_t flags;            /* in: enum go_unlink_flags */
	uint64_t longest_ns;       /* out: the longest stop */
	uint64_t stops;            /* out: how many */
	uint64_t objects;          /* out: objects that the proof has marked */
	uint64_t bytes;            /* out: of those */
	uint64_t dirty;            /* out: bytes of pages looked at again */
	uint64_t rounds;           /* out */
	uint64_t soon;             /* out: not 0: something that holds a module is about
				 * to let go, it may be tried again in milliseconds */
};

/* Calls a Go function of one argument, an address, and recovers from its panic. */
struct go_guard {
	uint64_t size;  /* in */
	uint64_t fn;    /* in: its ABIInternal address */
	uint64_t arg;   /* in */
	uint64_t panic; /* out: 0, or address of the panic's text, a NUL and
				 * nothing else in GO_PANIC_SIZE bytes that the caller unmaps */
};

#define GO_PANIC_SIZE 16384

/* How the words of a package variable move from one generation into the next.
 *
 * A program is a list of ops; an op that has a body is followed by it.  Offsets are
 * from the start of the variable, or, in a body, of the element.  Unless it says
 * otherwise the words are copied as they are, and what they point to stays where
 * it is and is shared; none may point into the old generation. */
enum go_move_kind {
	GO_MOVE_COPY = 1, /* `size` bytes without pointers */
	GO_MOVE_STRING,   /* bytes of the old generation are copied to the heap */
	GO_MOVE_SLICE,    /* elements that lie in the old generation (those of a
				 * literal) are copied to the heap, each by the body */
	GO_MOVE_LOOP,     /* `count` times the body, `size` bytes apart */
	GO_MOVE_POINTER,  /* to an object of a type of the library */
	GO_MOVE_MAP,
	GO_MOVE_CHAN,
	GO_MOVE_FUNC,  /* nil, or of the library */
	GO_MOVE_EFACE, /* interface without methods: a type word and data */
	GO_MOVE_IFACE, /* interface with methods: an itab and data */
	GO_MOVE_IDLE,  /* `size` bytes of a lock: must be zero */
};

enum go_move_flags {
	GO_MOVE_PLAIN = 1,  /* SLICE: elements without pointers */
	GO_MOVE_OPAQUE = 2, /* SLICE: without a body: its type recurs */
};

struct go_move_op {
	uint64_t kind; /* enum go_move_kind */
	uint64_t offset;
	uint64_t size;  /* COPY, IDLE: bytes; SLICE, LOOP: bytes of an element */
	uint64_t count; /* LOOP: elements */
	uint64_t body;  /* SLICE, LOOP: ops of the body, with theirs */
	uint64_t type;  /* SLICE: vaddr of the element's type descriptor in the
				 * new image, 0 if there is none */
	uint64_t flags; /* enum go_move_flags */
};

/* One variable; addresses are those of the image files. */
struct go_move_var {
	uint64_t name;     /* offset of its name in the plan's names */
	uint64_t from, to; /* in the old image, in the new one */
	uint64_t size;
	uint64_t op, ops; /* index of the first op, and how many */
};

/* A type that both images describe, and alike.  Objects of more than 512 bytes
 * point to their type: those that go along then point to the new one. */
struct go_move_type {
	uint64_t from, to; /* descriptors, vaddr in the old and in the new image */
};

/* Moves variables from one generation into another, all or none.  The plan is
 * image_plan_copy's.  Stops the world; no collection runs meanwhile. */
struct go_move {
	uint64_t size;               /* in */
	uint64_t lo, hi;             /* in: the old DSO's mapping */
	uint64_t to_lo, to_hi;       /* in: the new one's */
	uint64_t from_base, to_base; /* in: what is added to addresses of the files */
	struct go_move_var *vars;    /* in */
	uint64_t nvars;
	struct go_move_op *ops; /* in */
	uint64_t nops;
	struct go_move_type *types; /* in, by `from` */
	uint64_t ntypes;
	struct go_range *named; /* in: variables of the old image, vaddr, by lo */
	uint64_t nnamed;
	uint64_t verdict;    /* out: GO_OK, GO_HELD: refused, GO_NOT_FOUND */
	uint64_t var;        /* out, GO_HELD: index of the variable, or nvars */
	uint64_t slot;       /* out, GO_HELD: address of the word that is in the way,
					 * in the variable or in what it leads to, or 0 */
	uint64_t stopped_ns; /* out */
	uint64_t objects;    /* out: heap objects that the variables lead to */
	uint64_t cloned;     /* out: bytes copied to the heap */
	uint64_t retyped;    /* out: objects that point to the new type now */
	char text[512];      /* out, GO_HELD: why, without the variable's name */
};

/* Figures for tests and the soak. */
struct go_stats {
	uint64_t size;         /* in */
	uint64_t gc;           /* in: how often to run the collector first */
	uint64_t heap_live;    /* out: bytes of live and not yet swept objects */
	uint64_t heap_objects; /* out */
	uint64_t other_sys;    /* out: persistentalloc and the like, bytes */
	uint64_t modules;      /* out: entries of the module list */
	uint64_t itabs;        /* out: entries of itabTable */
	uint64_t typemaps;     /* out: entries of pinnedTypemaps */
	uint64_t goroutines;   /* out */
};

#endif
