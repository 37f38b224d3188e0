/* What the module makes with libdlbind, which is linked into it: the objects that
 * ld.so and the Go runtime need from us, and the libraries of entries (facade.h).
 *
 * Their files lie in a folder of their own in that of the snapshots.  libdlbind calls
 * ld.so, so all of this is called without locks of ours. */
#ifndef GOAUDIT_MADE_H
#define GOAUDIT_MADE_H

#include <limits.h>
#include <stdbool.h>

struct goaudit;

struct made {
	char tiny[PATH_MAX];	/* the smallest object; guarded by the load lock */
	bool main;		/* main.main is there; only gort.c's one starter is here */
};

/* Once, from la_preinit. */
void made_init(void);

/* An object that does nothing: opening and closing it makes ld.so take its locks,
 * call the auditor, and tell the debugger.  Returns its path; NULL: no memory or disk
 * for it.  In a transaction. */
const char *made_tiny(struct goaudit *ga);

/* Defines Go's main.main for all, the only symbol that a shared Go runtime library
 * leaves to the program.  With runtime.islibrary set it is never called.  Returns 0, or -1 with dlerror set. */
int made_main(struct goaudit *ga);

#endif
