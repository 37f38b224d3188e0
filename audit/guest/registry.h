/* Guests and their generations.
 *
 * A guest is a path that was opened; it has generations, of which at most one
 * is current.  A guest lives while somebody has it open and, of those that everybody has
 * closed, while it is one of the last (GOAUDIT_PARKED); a generation's record is used again
 * once it is gone and old enough.
 *
 * The letter of the list is L. */
#ifndef GOAUDIT_GUEST_REGISTRY_H
#define GOAUDIT_GUEST_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "dlbind.h"
#include "goaudit.h"

struct file_stamp;
struct generation;
struct guest;
struct guests;
struct link_map;
struct snapshot;

/* Takes no memory yet. */
void registry_init(struct guests *gs);

/* The guest of a path, made if need be; name: what it is opened by, absolute, which may
 * lead there through symbolic links.  NULL: out of memory. */
struct guest *registry_guest_locked(struct guests *gs, const char *path, const char *name);
/* Puts a new guest into the list of all. */
void registry_enlist_locked(struct guests *gs, struct guest *guest);

struct guest *registry_find_path_locked(struct guests *gs, const char *path);

/* The guest that was opened by this name, wherever that leads now; NULL if none. */
struct guest *registry_find_name_locked(struct guests *gs, const char *name);

/* From now on the guest is found by this name, and its file is at this path.  Returns
 * false when out of memory: nothing has changed. */
bool registry_turn_locked(struct guests *gs, struct guest *guest, const char *path,
			  const char *name);

/* A copy of a guest's name, to be freed; NULL: out of memory.  Without locks. */
char *registry_name(struct guests *gs, const struct guest *guest);

/* The guest whose current generation was made from this very file (a hard link
 * or another name of it); NULL if none. */
struct guest *registry_find_file_locked(struct guests *gs, const struct stat *st);

/* A generation by its handle (a lasting one: that which it stands for), its address
 * range, or its snapshot's name. */
struct generation *registry_find_handle_locked(struct guests *gs, const void *handle);
struct generation *registry_find_map_locked(struct guests *gs, const void *map);
struct generation *registry_find_address_locked(struct guests *gs, uintptr_t address);
struct generation *registry_find_snapshot_locked(struct guests *gs, const char *file);

/* The guest whose lasting handle this is; NULL: none's. */
struct guest *registry_find_lasting_locked(struct guests *gs, const void *handle);

/* Is it a guest's lasting handle, or that of one which has been forgotten?  Without locks. */
bool registry_was_lasting(const struct guests *gs, const void *handle);

/* Until it is released, who has the guest's pointer may use it without the lock.  Keep with
 * core.lock, release without. */
void registry_keep_locked(struct guests *gs, struct guest *guest);
void registry_release(struct guests *gs, struct guest *guest);

/* A replaced generation is kept for no other reason than its number (retire_keeps), or no
 * more.  Without core.lock. */
void registry_keep_old(struct guests *gs, struct generation *gen, bool kept);

/* Are there more closed guests than are kept?  Without locks. */
bool registry_has_surplus(const struct guests *gs);

/* Then the one that has been closed longest, else NULL: it is parked, or all its
 * generations are gone. */
struct guest *registry_surplus_locked(struct guests *gs);

/* Nobody finds the guest any more, whose generations are gone; then, when nobody knows its
 * pointer, registry_give_locked has its memory used again.  The first in a transaction. */
void registry_forget_locked(struct guests *gs, struct guest *guest);
void registry_give_locked(struct guests *gs, struct guest *guest);

/* What dlopen and dlreload return for a generation. */
void *registry_handle(const struct generation *gen);

/* The guest that a handle belongs to or, if it is closed by now, belonged to;
 * NULL: never one of ours. */
struct guest *registry_guest_of_handle_locked(struct guests *gs, const void *handle);

/* Copies `size` bytes of each record, oldest first; see goaudit_generations. */
size_t registry_copy_locked(struct guests *gs, void *records, size_t count, size_t stride,
			    size_t size);

/* A new generation of a guest, in state GOAUDIT_LOADING; NULL: no record free. */
struct generation *registry_generation_locked(struct guests *gs, struct guest *guest);

/* What a new generation has of its snapshot; path: of its file. */
void registry_describe_locked(struct guests *gs, struct generation *gen,
			      const struct snapshot *snapshot, const char *path);

/* Its file bears another stamp now, with the same content. */
void registry_restamp_locked(struct guests *gs, struct generation *gen,
			     const struct file_stamp *stamp);

/* It has been mapped, at [lo, hi). */
void registry_mapped_locked(struct guests *gs, struct generation *gen, struct link_map *map,
			    uintptr_t lo, uintptr_t hi);

/* Sets the state, inside records_begin_locked/records_end_locked, and wakes all who wait. */
void registry_set_state_locked(struct guests *gs, struct generation *gen,
			       enum goaudit_state state);

/* One more generation needs it, or one fewer.  With ld.so's lock, too. */
void registry_add_user_locked(struct guests *gs, struct generation *gen);
void registry_remove_user_locked(struct generation *gen);

/* What $ORIGIN means to it: the folder of its file.  It is constant. */
void registry_origin(const struct generation *gen, char *out, size_t size);

/* Gives back one of gen->kept.  Without core.lock. */
void registry_let_go(struct guests *gs, struct generation *gen);

#endif
