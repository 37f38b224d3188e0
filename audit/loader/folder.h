/* This process's private folder: chosen, made, collected, shared with forked children
 * (dlbind/private.h). */
#ifndef GOAUDIT_LOADER_FOLDER_H
#define GOAUDIT_LOADER_FOLDER_H

#include <stdbool.h>

#include "goaudit.h"

struct loader;
struct process_folder;

/* Removes a snapshot's file and folder, or has that done when no forked child needs it
 * any more.  Without locks. */
void folder_remove(struct loader *ld, const char *file);

/* Removes this process's folders, but not one that forked children use; at exit. */
void folder_finish(struct loader *ld);

/* Before a fork: takes the locks that the child is to have, for the parent may end
 * before the child has run at all.  And after it in the parent, or when it has failed, and
 * in the child, which may only use system calls.  All with core.lock. */
void folder_forking(struct loader *ld);
void folder_forked_parent(struct loader *ld);
void folder_forked_child(struct loader *ld);

/* The folder beside the snapshots for what tiny.h makes; NULL: it cannot be made, and
 * errno says why. */
const char *folder_made(struct loader *ld);

/* Does the snapshot lie where this process cannot look any more, since it has given up its
 * privileges or changed its root? */
bool folder_lost(const struct loader *ld, const char *name);

/* Is this the name of a snapshot of ours?  Cheap. */
bool folder_has(const struct loader *ld, const char *name);

/* Chooses the folder, of the user and in the root directory that the process has now.
 * Returns false with dlerror set. */
bool folder_choose(struct loader *ld);

/* The folder for a new file.  NULL, with dlerror set. */
struct process_folder *folder_current(struct loader *ld);

/* Has somebody tidied up, or is the folder out of the process's reach now? */
bool folder_is_out_of_reach(int error);

/* Removes the folder that such a file was in, with what lies beside it
 * (guest/debug_files.h). */
void folder_remove_place(const char *file);

/* In the folder: what libdlbind makes. */
#define FOLDER_MADE "/made"

#endif
