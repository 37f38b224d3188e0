/* Snapshots: the private, immutable files that generations are loaded from.
 *
 * ROOT/PID.STARTTIME/HASH.N/NAME
 *
 * ROOT is the user's (owner and mode are checked) and on a file system that
 * allows execution: GOAUDIT_SNAPSHOTS, $XDG_RUNTIME_DIR/goaudit,
 * /dev/shm/goaudit-UID or /tmp/goaudit-UID, the first that will do.  One folder
 * a process, so that nothing is shared and nothing has to be counted across
 * processes; HASH is of the content, N tells generations of the same content
 * apart, for ld.so takes two names of one file for the same object.
 *
 * The folder of a process that is gone is removed by the next one that makes
 * its own.  A forked child leaves a file `user.PID.STARTTIME` in its parent's
 * folder: while such a process lives, the folder stays. */
#ifndef GOAUDIT_SNAPSHOT_H
#define GOAUDIT_SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "registry.h"

struct goaudit;

struct snapshots {
	char root[256];			/* this process's folder, "" until made; guarded by
					 * goaudit.lock, constant once set */
	bool shared;			/* a forked child has been told of it */
	uint64_t serial;		/* N; atomic */
	/* libgoaudit-image.so, opened at the first use; guarded by goaudit.lock */
	enum image_status (*inspect)(const void *, size_t, struct image_facts *,
				     char *, size_t);
	enum image_status (*mend)(void *, size_t, const struct image_facts *,
				  char *, size_t);
	const char *(*status_text)(enum image_status);
};

struct snapshot {
	struct signature signature;
	uint64_t hash[2];
	struct image_facts facts;
	char file[512];			/* "" : none made */
	uint64_t ns;			/* what it took */
};

/* Copies, checks and mends the open file fd, whose name is path.
 * Returns 0, or -1 with dlerror set; nothing is left behind then. */
int snapshot_make(struct goaudit *ga, int fd, const char *path,
		  struct snapshot *snapshot);

/* What kind of image the open file is; IMAGE_C when it cannot be told. */
enum image_kind snapshot_kind(struct goaudit *ga, int fd);

/* Hashes the open file only; 0, or -1 (no error set: treat as changed). */
int snapshot_hash(int fd, uint64_t hash[2]);

/* Removes a snapshot's file and folder. */
void snapshot_remove(struct goaudit *ga, const char *file);

/* Removes this process's folder; at exit. */
void snapshot_finish(struct goaudit *ga);

/* In a forked child: from now on the folder has two users. */
void snapshot_forked(struct goaudit *ga);

/* Does this name lie in our folder?  Cheap. */
bool snapshot_is_ours(const struct goaudit *ga, const char *name);

#endif
