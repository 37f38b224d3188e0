/* Snapshots: the private, immutable files that generations are loaded from.
 *
 * ROOT/PID.STARTTIME/HASH.N/NAME
 * ROOT/PID.STARTTIME/made/		what made.h makes
 *
 * ROOT is the user's (owner and mode are checked) and on a file system that
 * allows execution: GOAUDIT_SNAPSHOTS, $XDG_RUNTIME_DIR/goaudit,
 * /dev/shm/goaudit-UID or /tmp/goaudit-UID, the first that will do.  One folder
 * a process, so that nothing is shared and nothing has to be counted across
 * processes; HASH is of the content, N tells generations of the same content
 * apart, for ld.so takes two names of one file for the same object.
 *
 * The folder of a process that is gone is removed by the next one that makes
 * its own, unless there is a file `keep` in it (GOAUDIT_KEEP).  A forked child leaves a file `user.PID.STARTTIME` in its parent's
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
	char made[272];			/* root/made; as root */
	uint64_t inherited;		/* in a forked child: N of the last one that its parent
					 * made, too */
	int pid;			/* who forked last; guarded by goaudit.lock */
	uint64_t forks;			/* by this process; guarded by goaudit.lock */
	uint64_t serial;		/* N; atomic */
	/* libgoaudit-image.so, opened at the first use; guarded by goaudit.lock */
	enum image_status (*inspect)(const void *, size_t, struct image_facts *,
				     char *, size_t);
	enum image_status (*mend)(void *, size_t, const struct image_facts *,
				  char *, size_t);
	bool (*add_debug)(const void *, size_t, const struct image_facts *, void **,
			  size_t *);
	uint64_t (*probe)(const void *, size_t, const char *, const char *);
	const char *(*status_text)(enum image_status);
};

/* A file's content on its way to becoming a snapshot. */
struct snapshot {
	char *data;			/* its bytes, mended once the snapshot is made; */
	size_t size;			/* NULL: not read */
	struct signature signature;
	uint64_t hash[2];		/* of the unmended bytes */
	struct image_facts facts;
	char file[512];			/* "" : none made */
	uint64_t ns;			/* what reading and making it took */
};

/* Reads the open file fd into memory and hashes it; a file that is changed
 * meanwhile is read again.  path is its name, for messages.
 * Returns 0, or -1 with dlerror set. */
int snapshot_read(struct goaudit *ga, int fd, const char *path,
		  struct snapshot *snapshot);

/* Checks and mends what was read, and writes the private file.
 * Returns 0, or -1 with dlerror set; nothing is left behind then. */
int snapshot_make(struct goaudit *ga, const char *path, struct snapshot *snapshot);

/* Frees what was read; the file stays. */
void snapshot_release(struct snapshot *snapshot);

/* What kind of image the open file is; IMAGE_C when it cannot be told. */
enum image_kind snapshot_kind(struct goaudit *ga, int fd);

/* Removes a snapshot's file and folder. */
void snapshot_remove(struct goaudit *ga, const char *file);

/* Removes this process's folder; at exit. */
void snapshot_finish(struct goaudit *ga);

/* Before a fork, with goaudit.lock held: says that a child is on its way, for
 * the parent may end before the child has run at all. */
void snapshot_forking(struct goaudit *ga);

/* In a forked child: from now on the folder has two users. */
void snapshot_forked(struct goaudit *ga);

/* The folder beside the snapshots for what made.h makes; NULL: it cannot be made, and
 * errno says why. */
const char *snapshot_made_folder(struct goaudit *ga);

/* Is this the name of a snapshot of ours?  Cheap. */
bool snapshot_is_ours(const struct goaudit *ga, const char *name);

#endif
