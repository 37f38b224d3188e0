/* What the module makes with libdlbind, which is linked into it: the objects that
 * ld.so and the Go runtime need from us, and the libraries of entries (entry/entrylib.h).
 *
 * Their files lie in a folder of their own in that of the snapshots.  libdlbind calls
 * ld.so, so all of this is called without locks of ours. */
#ifndef GOAUDIT_LOADER_TINY_H
#define GOAUDIT_LOADER_TINY_H

#include <link.h>
#include <stdbool.h>

struct loader;

/* debugger_relist. */
typedef bool tiny_watched(const struct loader *ld);
typedef bool tiny_relist(struct loader *ld, struct link_map *map, void (*between)(void *),
			 void *arg);

/* Once, from la_preinit. */
void tiny_init(struct loader *ld, tiny_relist *how, tiny_watched *is_watched);

/* An object that does nothing: opening and closing it makes ld.so take its locks,
 * call the auditor, and tell the debugger.  Returns its path; NULL: no memory or disk
 * for it.  In a transaction. */
const char *tiny_object(struct loader *ld);

/* Defines Go's main.main for all, the only symbol that a shared Go runtime library
 * leaves to the program.  With runtime.islibrary set it is never called.  Returns 0, or -1 with dlerror set. */
int tiny_main(struct loader *ld);

#endif
