/* The part of glibc's loader that is not public: layout, locks, the link map.
 *
 * Locks of ld.so, in the order in which ld.so itself takes them:
 *   load lock   (_dl_load_lock, recursive): dlopen, dlclose, dlsym, la_*
 *   write lock  (_dl_load_write_lock): the link map's pointers; dl_iterate_phdr
 *
 * Neither can be named from outside: the first transaction is run by ld.so, which has them
 * then, and finds them by that. */
#ifndef GOAUDIT_LOADER_LDSO_H
#define GOAUDIT_LOADER_LDSO_H

#include <link.h>
#include <stdbool.h>

struct loader;

/* Finds ld.so's variables.  Called once, from la_preinit. */
void ldso_init(struct loader *ld);

/* Checks that the private layout is the one that was built for: pointers,
 * chain and counts agree, and opening and closing a tiny object moves the count
 * by exactly one.  Touches nothing on failure.  Only in a transaction.
 * Returns NULL, or why not; with `checked` false, only for now: no such object can
 * be had. */
const char *ldso_validate(struct loader *ld);

/* Is the object of this name still in the link map?  The pointer need not be good.  Only
 * in a transaction or a callback. */
bool ldso_lists(const struct loader *ld, const struct link_map *map, const char *name);

/* Is a dlclose under way above us, which goes on when we have returned?  Until then
 * ld.so unmaps nothing (elf/dl-close.c, dl_close_state).  Only in a transaction. */
bool ldso_is_closing(struct loader *ld);

/* What is said where transaction_run returns false. */
#define LDSO_NOT_CALLED                                                \
	"ld.so does not call the audit module: is another auditor in " \
	"front of it in LD_AUDIT?"

/* Before a fork, and after it in both processes: the write lock, where it is known.
 * ldso_forking returns whether it has been taken, and is to be released in the
 * parent; in the child it is made anew in any case. */
bool ldso_forking(struct loader *ld);
void ldso_forked(struct loader *ld, bool child);

/* Takes an object out of the link map, and puts it back at the tail.
 * `was_global`: it stands in the global search list (RTLD_GLOBAL); hide tells
 * it, reinsert wants it back; NULL, false: it stays there.  Only in a transaction.  The caller tells the
 * debugger (debugger.h). */
void ldso_hide(struct loader *ld, struct link_map *map, bool *was_global);
void ldso_reinsert(struct loader *ld, struct link_map *map, bool was_global);

#endif
