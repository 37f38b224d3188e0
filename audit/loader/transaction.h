/* What a thread is doing inside ld.so on our behalf.
 *
 * ld.so's callbacks come without a context of ours, and the auditor must not
 * have thread-local storage (glibc up to 2.34 mishandles an auditor's static
 * TLS).  So each call that we make into ld.so stands on a list while it lasts,
 * with the thread that makes it; the callback looks for its own thread's
 * innermost one.
 *
 * A fork waits, up to a limit, until no other thread is in the middle of such a call:
 * what it changes in ld.so would stay half done in the child.  Meanwhile no thread
 * begins one that is not in one already. */
#ifndef GOAUDIT_LOADER_TRANSACTION_H
#define GOAUDIT_LOADER_TRANSACTION_H

#include <stdbool.h>

struct loader;
struct needed_load;

enum call_kind {
	CALL_TRANSACTION, /* run fn under the load lock */
	CALL_WATCH,       /* a dlopen by bare name: is what it finds ours? */
	CALL_ASK,         /* asking whether ld.so has a file already */
	CALL_PLAIN,       /* any other: hides outer calls from the callbacks */
	CALL_NOTIFY,      /* opening or closing the tiny object: run fn inside */
};

struct call {
	struct call *outer; /* K: the list */
	const void *thread;
	enum call_kind kind;
	bool begun; /* K: it may have changed something, so a fork waits
					 * for its end */
	bool ran;
	void (*fn)(void *); /* CALL_TRANSACTION, CALL_NOTIFY */
	void *arg;
	const char *name;           /* CALL_WATCH: what was asked for */
	bool flagged;               /* CALL_WATCH: any kind of object is ours */
	bool over;                  /* CALL_WATCH: ld.so looks for a dependency by now */
	bool found;                 /* CALL_WATCH: path is set */
	void *module;               /* CALL_PLAIN: the moduledata of the Go guest that
					 * was loaded by it */
	struct needed_load *needed; /* CALL_PLAIN: a generation is loaded by it */
	char *path;                 /* CALL_WATCH: PATH_MAX bytes, gets the first candidate, */
	char *asked;                /* and PATH_MAX more, before links are followed */
};

void call_push(struct loader *ld, struct call *call);
void call_pop(struct loader *ld, struct call *call);

/* A transaction, which has been pushed, has got the load lock. */
void call_begin(struct loader *ld, struct call *call);

/* dlopen of a library of ours, of the host's namespace or (`here`) the auditor's. */
void *call_dlopen(struct loader *ld, bool here, const char *name, int mode);

/* This thread's innermost call, NULL if none.  Costs a load when nobody on any
 * thread is in such a call. */
struct call *call_innermost(struct loader *ld);

/* Before a fork, without locks: waits until no other thread is in the middle of a
 * call, but not for ever: that thread may wait for this one.  False: this thread was
 * interrupted with calls_lock.  call_not_forking undoes it. */
bool call_forking(struct loader *ld);
void call_not_forking(struct loader *ld);

/* After it, with calls_lock.  The child forgets the calls of the threads that are no
 * more. */
void call_forked_parent(struct loader *ld);
void call_forked_child(struct loader *ld);

/* Runs fn(arg) on this thread with the load lock held, as a constructor would:
 * the loader may be called from it.  Sets no error that dlerror would show.  Returns false
 * if ld.so's lock is not known and ld.so could not be brought to call us (fn has not run
 * then). */
bool transaction_run(struct loader *ld, void (*fn)(void *), void *arg);

/* la_objsearch's half of a transaction: runs its function, once, when ld.so asks for
 * the transaction's name.  Returns whether it has. */
bool transaction_search(struct loader *ld, struct call *call, const char *name);

#endif
