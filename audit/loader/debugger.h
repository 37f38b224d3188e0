/* Telling a debugger that the link map has changed.
 *
 * A debugger reads the list when it is called at r_debug.r_brk (gdb without
 * probes, lldb) or at ld.so's SDT probes (gdb with them).  Both happen inside a
 * real dlopen or dlclose; so when a debugger is there, a change is made while a
 * tiny object is opened (for an insertion) or closed (for a removal), at the
 * point where ld.so is about to report.  Without a debugger nothing is done; that
 * there is one shows in the breakpoint that it keeps where ld.so reports. */
#ifndef GOAUDIT_LOADER_DEBUGGER_H
#define GOAUDIT_LOADER_DEBUGGER_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "dlbind.h"

struct listed;
struct loader;

/* Does a debugger stop where ld.so reports changes?  From any thread. */
bool debugger_is_watched(const struct loader *ld);

/* Takes a generation's object out of the link map or puts it back, and tells
 * the debugger if there is one.  Only in a transaction, without our lock. */
void debugger_hide(struct loader *ld, struct listed *object);
void debugger_reinsert(struct loader *ld, struct listed *object);

/* The same in la_objsearch, while ld.so is opening something: it will tell. */
void debugger_reinsert_within(struct loader *ld, struct listed *object);

/* Puts a hidden object into the list, and takes it out again, unseen by a debugger. */
void debugger_expose(struct loader *ld, struct link_map *map, bool exposed);

/* Takes an object that is no generation out and puts it back, with the debugger told
 * of both, in a transaction; see dlbind_relist in dlbind/embed.h.  Without our lock.
 * false: nothing has been done. */
bool debugger_relist(struct loader *ld, struct link_map *map, void (*between)(void *),
		     void *arg);

/* A guest has been opened or reloaded, and the link map is complete: Delve sets its
 * breakpoints in it where a Go program calls this.  Without locks. */
void debugger_loaded(const struct loader *ld);

/* Is Delve attached to a Go program?  It never forgets an object that it has seen. */
bool debugger_forgets_nothing(const struct loader *ld);

/* dlclose of an object that was hidden and is back in the list only because ld.so
 * counts: the debugger, which knows it as gone, shall not see it again. */
void debugger_close(struct loader *ld, struct link_map *map);

/* The callbacks' halves. */
void debugger_tiny_opened(struct loader *ld, const struct link_map *map);
void debugger_activity_delete(struct loader *ld);

#endif
