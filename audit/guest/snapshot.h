/* Snapshots: the private, immutable files that generations are loaded from.
 *
 * ROOT/goaudit-PID.STARTTIME/HASH.N/NAME	and links beside it, debug_files.h
 * ROOT/goaudit-PID.STARTTIME/made/		what loader/tiny.h makes
 *
 * ROOT is the user's (owner and mode are checked) and on a file system that
 * allows execution: GOAUDIT_SNAPSHOTS, $XDG_RUNTIME_DIR/goaudit,
 * /dev/shm/goaudit-UID or /tmp/goaudit-UID, the first that will do.  One folder
 * a process, so that nothing is shared and nothing has to be counted across
 * processes; HASH is of the content, N tells generations of the same content
 * apart, for ld.so takes two names of one file for the same object.  Those of instances are
 * names of one file nevertheless, where ld.so can be kept from that (loader/identity.h) and
 * the file system has hard links.  A process that can
 * no longer use its folder, for it has given up its privileges or changed its root, makes
 * another one.
 *
 * The folder (dlbind/private.h) is removed by its last user at exit, or by the next
 * process that makes one in ROOT, unless there is a file `keep` in it (GOAUDIT_KEEP).  A
 * forked child uses its parent's, and holds the bytes N of the snapshots that it has
 * from it: those stay until it has ended or runs another program. */
#ifndef GOAUDIT_GUEST_SNAPSHOT_H
#define GOAUDIT_GUEST_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guests.h"
#include "image/image.h"

/* A file's content on its way to becoming a snapshot. */
struct snapshot {
	char *data; /* its bytes, until the snapshot is made; NULL: not read */
	size_t size;
	struct file_stamp stamp;
	uint64_t hash[2]; /* of the unmended bytes */
	bool known;       /* that is the content's, which has not been read */
	bool shares;      /* an instance's: may be a name of another one's file */
	struct image_facts facts;
	char file[512]; /* "" : none made */
	uint64_t ns;    /* what reading and making it took */
};

/* Reads the open file fd into memory and hashes it; a file that is changed
 * meanwhile is read again.  path is its name, for messages.
 * Returns 0, or -1 with dlerror set. */
int snapshot_read(struct guests *gs, int fd, const char *path, struct snapshot *snapshot);

/* The same for one of many instances, without reading: the file that bears the stamp now is
 * the one that the last of them was made from.  Returns whether it is. */
bool snapshot_know(struct guests *gs, const struct file_stamp *now, const struct guest *guest,
		   struct snapshot *snapshot);

/* Makes the private file: a name of one that a generation of the same content has, or what
 * was read (if nothing was: the file at path now), checked and mended; and frees what was
 * read.  Returns 0, or -1 with dlerror set; nothing is left behind then. */
int snapshot_make(struct guests *gs, const char *path, struct snapshot *snapshot);

/* Frees what was read; the file stays. */
void snapshot_release(struct snapshot *snapshot);

/* What kind of image the open file is; IMAGE_C when it cannot be told. */
enum image_kind snapshot_kind(struct guests *gs, int fd);

struct snapshot_mapping {
	void *data;
	size_t size;
};

/* Maps two generations' snapshots to be read; the caller unmaps them.  Returns 0, or -1 with
 * dlerror set. */
int snapshot_map_both(struct guests *gs, const struct generation *old,
		      const struct generation *new, struct snapshot_mapping *first,
		      struct snapshot_mapping *second);

#endif
