/* Package libraries in the cache: packages outside of the standard library, linked once
 * over a runtime library.
 *
 *	RUNTIME/packages/libgo-KEY.so	the library; KEY is a hash of what is in it
 *	RUNTIME/packages/libgo-KEY.list	what is in it, and over which ones it is linked:
 *					below KEY
 *					package PATH VERSION ID
 *	RUNTIME/packages/of/HASH	the keys that builds of a workspace have used, the
 *					one to be looked at first in front
 *	RUNTIME/packages/of/programs	the same of programs, those of all workspaces
 *	RUNTIME/packages/.lock		held (flock) by who chooses or makes one
 *
 * A library can be used by a build if all packages of it that the build has are the very
 * same, and, where it was made for another workspace, if it has no others: the program
 * would get their inits.  Guests look at those of programs first, then at those of their
 * workspace.  So a host's build and its guest's come to the same libraries, and what only
 * the guest needs becomes a library over them. */
#ifndef GOAUDIT_TOOL_SHARE_LIBRARY_H
#define GOAUDIT_TOOL_SHARE_LIBRARY_H

#include "tool/share/link.h"

#include <stdbool.h>

struct library {
	struct library *next;
	char *key;
	char *file;        /* the library's path */
	char *text;        /* its list */
	struct list below; /* keys, of all below it */
	struct list paths, ids;
	bool foreign; /* of other workspaces only */
	bool chosen;
};

/* All that are whole, in the order in which they are to be looked at, for a program or a
 * guest. */
struct library *library_read(const char *folder, const char *order, const char *programs,
			     bool program);
void library_free(struct library *all);

/* Chooses libraries for the shared packages of l, and says in each package which one has
 * it.  Returns how many packages none has. */
size_t library_choose(struct library *all, struct link *l);

/* Notes that the chosen ones are in use, and removes what nobody has used for a month. */
void library_sweep(const struct library *all);

/* The list of a new library for those: over which ones, which packages.  *key is its name;
 * both to be freed. */
char *library_list(struct library *all, const struct link *l, char **key);

/* Writes into a file the order in which libraries are looked at next time: `made' (NULL:
 * none) and the chosen ones first, where that makes a difference.  0, or a status after a
 * message. */
int library_keep_order(struct library *all, const char *made, const char *file);

#endif
