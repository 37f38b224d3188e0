/* The libraries that guests need, and that only guests use.
 *
 * A library in DT_NEEDED of a guest, or of another such library, that the process has not
 * loaded otherwise and that ld.so finds by a path, RPATH, RUNPATH or LD_LIBRARY_PATH outside
 * of the system's folders, is loaded from a snapshot too, and is a generation of a guest of
 * its own, with no references but with users (struct generation).  It is in the link map
 * while one of its users is, and goes with the last of them.  All guests that need it have
 * the same generation as long as its file is the same; when it has changed, its users count
 * as changed.  Once the host has opened it itself, the host reloads it. */
#ifndef GOAUDIT_RELOAD_NEEDED_H
#define GOAUDIT_RELOAD_NEEDED_H

#include <link.h>
#include <stdbool.h>

#include "goaudit.h"

struct generation;
struct guest;
struct reloads;

/* One load of a generation, while it is under way; on its thread's stack. */
struct needed_load {
	const struct guest *guest; /* what is loaded */
	struct generation *fresh;  /* libraries that come with it */
	struct generation *aside;  /* out of the link map for the time being */
	bool over;                 /* ld.so has mapped all that it needs */
	bool failed;               /* dlerror is set */
};

/* Before the load: takes out of the link map what it must not find there, since ld.so
 * looks for names in it first.  In a transaction. */
void needed_begin(struct reloads *rl, struct needed_load *load);

/* la_objsearch, LA_SER_ORIG, in that load: what ld.so is to load for a name that an object
 * needs; NULL: ld.so searches. */
const char *needed_search(struct reloads *rl, struct needed_load *load,
			  struct link_map *requester, const char *name);

/* After the load, whether it was good or not: its libraries are generations now, or never
 * were.  In a transaction. */
void needed_end(struct reloads *rl, struct needed_load *load, bool good);

/* Then, when the new generation's pins are taken: puts back what others still need. */
void needed_settle(struct reloads *rl, struct needed_load *load);

/* la_objsearch: the snapshot of a file that is open as a generation, or that only parked
 * ones need; NULL: none is. */
const char *needed_listed(struct reloads *rl, const char *path);

/* Is a library that the generation needs another one by now?  Without locks; reads files
 * whose stamps do not tell. */
bool needed_changed(struct reloads *rl, const struct generation *gen);

/* The names of the files of a guest, its own first; *n of them, to be freed, each and all.
 * NULL: out of memory.  Without locks. */
char **needed_names(struct reloads *rl, const struct guest *guest, unsigned *n);

#endif
