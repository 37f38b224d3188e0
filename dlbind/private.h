/* Folders that belong to one user, and to one process in them; for libdlbind and for
 * the audit module.  All thread-safe. */
#ifndef DLBIND_PRIVATE_H
#define DLBIND_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* When a process was started, in clock ticks since boot (proc(5), field 22 of stat);
 * 0: it is dead, or that cannot be told.  It tells a process from a later one that has got
 * its number.  System calls only: may be used between fork and exec. */
unsigned long long private_start_of(long pid);

/* Does the process live that a name begins with, "PID.STARTTIME"?  Yes, where that
 * cannot be told; no, for another kind of name.  As above. */
bool private_may_live(const char *name);

/* Makes `path`, or accepts it if it is a folder that only this user can enter and may
 * map code from.  false: errno says why not. */
bool private_folder(const char *path);

/* The first of $XDG_RUNTIME_DIR/NAME, /dev/shm/NAME-UID and /tmp/NAME-UID that
 * private_folder accepts.  false: none; errno and `root` are the last one's. */
bool private_root(const char *name, char *root, size_t size);

/* Removes what openat would find, with what is in it, so many levels down. */
void private_remove(int at, const char *name, unsigned depth);

#endif
