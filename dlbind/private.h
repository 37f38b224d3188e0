/* Folders that belong to one user, and to one process in them; for libdlbind and for
 * the audit module.  All thread-safe. */
#ifndef DLBIND_PRIVATE_H
#define DLBIND_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Is it a file that this user has made?  Another one's could be exchanged. */
bool private_file(const char *path);

/* Makes `path`, or accepts it if it is a folder that only this user can enter and may
 * map code from.  false: errno says why not. */
bool private_folder(const char *path);

/* The first of $XDG_RUNTIME_DIR/NAME, /dev/shm/NAME-UID and /tmp/NAME-UID that
 * private_folder accepts.  false: none; errno and `root` are the last one's. */
bool private_root(const char *name, char *root, size_t size);

/* A process's own folder, ROOT/KIND-PID.STARTTIME, with a file PRIVATE_MARK in it.  The mark
 * says whose it is, and is the lock of the processes that use the folder: a read lock of
 * byte 0 (F_OFD_SETLK, fcntl(2)), of an open file that only a mapping keeps.  So no
 * descriptor is taken that the host might close, forked children have the lock, too, and
 * the kernel takes it back at exec and at the end, whatever the process's number is in
 * which namespace.  Further bytes are for who makes the folder. */
#define PRIVATE_MARK ".private"
#define PRIVATE_KEEP "keep" /* a file: the folder is to stay */

struct private_own {
	struct private_own *next; /* made earlier; constant, and never freed */
	uid_t user;               /* whose it is: for no others' files; constant */
	char path[256];           /* constant */
	void *held;               /* the mapping with the lock of byte 0 */
	void *inherited;          /* in a forked child: the one made for it at the fork */
	void *forking;            /* between a fork's handlers */
};

/* Makes one in `root`, for `kind`, a word that tells programs' folders apart.  NULL: errno
 * says why. */
struct private_own *private_make(const char *root, const char *kind);

/* Has the folder stay for ever. */
void private_keep(const struct private_own *own);

/* If `name` in the folder `at` was made by private_make for `kind`, and nobody uses it and
 * it is not to be kept: a descriptor that keeps it so until it is closed.  -1: leave it
 * alone. */
int private_claim(int at, const char *name, const char *kind);

/* Removes a folder that has been claimed, with what is in it, and closes the claim. */
void private_discard(int at, const char *name, int claim);

/* At exit: gives all up that are in the list, and removes those that nobody else uses. */
void private_finish(struct private_own *own, const char *kind);

/* The lock file of a folder; -1: errno says why. */
int private_lock_file(const struct private_own *own);

/* Locks `n` bytes from `first` on, 0: all that follow: type F_RDLCK, F_WRLCK or
 * F_UNLCK.  false: another open file has them. */
bool private_lock(int fd, short type, uint64_t first, uint64_t n);

/* A mapping that keeps fd's locks until it is unmapped in all processes that it was
 * forked into; NULL: none, errno says why.  Closes fd. */
void *private_hold(int fd);
void private_release(void **held); /* NULL is allowed; becomes NULL */

/* Does anybody hold byte n by another open file?  Yes, where no memory or descriptor
 * is left to look; no, where the folder is out of reach. */
bool private_is_held(const struct private_own *own, uint64_t n);

#endif
