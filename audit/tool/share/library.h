/* Package libraries in the cache: packages outside of the standard library, linked once
 * over a runtime library.
 *
 *	RUNTIME/packages/libgo-KEY.so	the library; KEY is a hash of what is in it
 *	RUNTIME/packages/libgo-KEY.list	what is in it, and over which ones it is linked:
 *					below KEY
 *					package PATH VERSION ID
 *	RUNTIME/packages/of/HASH	the keys that builds of a workspace have used, the
 *					one to be looked at first in front
 *	RUNTIME/packages/.lock		held (flock) by who chooses or makes one
 *
 * A library can be used by a build if all packages of it that the build has are the very
 * same, and, where it was made for another workspace, if it has no others: the program
 * would get their inits.  So two builds of one workspace, a host's and its guest's, come
 * to the same libraries in whichever order they are made, and what only the second one
 * needs becomes a library over them. */
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
	bool refused; /* it was looked at first, but has another build of a package */
};

/* All that are whole, in the order in which they are to be looked at. */
struct library *library_read(const char *folder, const char *order);
void library_free(struct library *all);

/* Chooses libraries for the shared packages of l, and says in each package which one has
 * it.  Returns how many packages none has. */
size_t library_choose(struct library *all, struct link *l);

/* The list of a new library for those: over which ones, which packages.  *key is its name;
 * both to be freed. */
char *library_list(struct library *all, const struct link *l, char **key);

/* Writes the order in which libraries are looked at next time, `made' (NULL: none) and
 * the chosen ones first where that makes a difference.  0, or a status after a message. */
int library_keep_order(const struct library *all, const char *made, const char *order);

#endif
