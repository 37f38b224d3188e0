/* The libraries of entries: what dlsym's addresses of guests' functions lie in.
 *
 * All guests share them.  They are made with libdlbind at the first dlsym, one after another
 * as they get full, and are named guests.entries; an entry bears the name of its function,
 * with "entry_of_" before it (and, where another guest has one of that name, with a dot and
 * the guest's number behind it): no debugger takes that for the function's own name, as it
 * might with only something behind it (a version, a clone) or a dot (a package).  They lie in
 * the host's namespace for the life of the process, with unwind tables, so debuggers,
 * profilers and unwinders know them.  A forked child that needs more entries makes a library
 * of its own.
 *
 * Entries are made from entry_x86_64.S and belong to chunks, a chunk to one guest at a time.
 * Its code is never unmapped, and what of an entry follows the call of the function is always
 * the same: a thread that has been stopped there goes on as if nothing had happened when the
 * chunk has become another guest's.  Before the call, only who calls a guest after its end
 * can be. */
#ifndef GOAUDIT_ENTRY_ENTRYLIB_H
#define GOAUDIT_ENTRY_ENTRYLIB_H

#include <stdint.h>

#include "dlbind.h"
#include "entry/entries.h"
#include "goaudit.h"

struct guest;

/* A chunk with no entries for a guest, which is in no list yet.  NULL: none can be had, and
 * dlerror is set.  Without locks. */
struct entrylib_chunk *entrylib_take(struct entries *es, const struct guest *guest);

/* Makes it the guest's.  With core.lock. */
void entrylib_add_locked(struct guest *guest, struct entrylib_chunk *chunk);

/* Has it used again.  With core.lock. */
void entrylib_give_locked(struct entries *es, struct entrylib_chunk *chunk);

/* The next entry of a chunk that has room.  Nobody may call it before entrylib_show.  With
 * core.lock. */
void *entrylib_make_entry_locked(struct entrylib_chunk *chunk, int32_t block, uint32_t target);

/* Makes the entry executable; if it is to have a name, binds it to that and returns what that
 * is like.  An entry without a name is as good.  Without locks. */
enum entrylib_name entrylib_show(struct entries *es, const struct guest *guest,
				 const struct entry *entry, bool named);

/* Takes all that a guest's entries are away: their names, and where they lead.  Nobody finds
 * the guest any more.  Without locks. */
void entrylib_clear(struct entries *es, const struct guest *guest);

/* The chunk that an address lies in the used part of, and its index there; NULL: none.
 * Without locks. */
const struct entrylib_chunk *entrylib_at(const struct entries *es, uintptr_t address,
					 unsigned *index);

/* In a forked child: they are our parent's.  With core.lock. */
void entrylib_forked(struct entries *es);

#endif
