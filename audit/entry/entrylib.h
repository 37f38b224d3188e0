/* The libraries of entries: what dlsym's addresses of a guest's functions lie in.
 *
 * A guest has a library of its own, made with libdlbind at the first dlsym and named
 * after it (guest.so.entries); its entries bear the names of the functions, with
 * "entry_of_" before them: no debugger takes that for the function's own name, as it might
 * with something behind it (a version, a clone) or a dot (a package).  It lies in the host's
 * namespace for the life of the process, with unwind tables, so debuggers, profilers
 * and unwinders know it.  (One that is full is followed by another one, and a forked
 * child that needs more entries makes one of its own.)
 *
 * Entries are made from entry_x86_64.S and belong to chunks.  Nothing is ever given back. */
#ifndef GOAUDIT_ENTRY_ENTRYLIB_H
#define GOAUDIT_ENTRY_ENTRYLIB_H

#include <stdint.h>

#include "dlbind.h"
#include "goaudit.h"

struct entries;
struct entrylib;
struct entrylib_chunk;
struct guest;

/* Room for entries of a guest, in its newest library (NULL: it has none) if that has any,
 * else in a new one, which is then not in the guest's list yet.  NULL: none can be had, and
 * dlerror is set.  Without locks. */
struct entrylib_chunk *entrylib_make_chunk(struct entries *es, const struct guest *guest,
					   struct entrylib *newest);

/* Takes a chunk in a new library away with it: nobody has seen it.  Without locks. */
void entrylib_discard(struct entrylib_chunk *chunk);

/* The next entry of a chunk that has room.  Nobody may call it before entrylib_show.  With
 * core.lock. */
void *entrylib_make_entry(struct entrylib_chunk *chunk, int32_t block, uint32_t target);

/* Makes the entry executable; with a name, binds it to that.  An entry without a name
 * is as good.  Without locks. */
void entrylib_show(struct entries *es, struct entrylib *entrylib, void *entry, const char *name,
		   const char *version);

/* The chunk that an address lies in the used part of, and its index there; NULL: none.
 * Without locks. */
const struct entrylib_chunk *entrylib_at(const struct entrylib_chunk *chunks, uintptr_t address,
					 unsigned *index);

#endif
