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
 * apart, for ld.so takes two names of one file for the same object.  A process that can
 * no longer use its folder, for it has given up its privileges or changed its root, makes
 * another one.
 *
 * The folder (dlbind/private.h) is removed by its last user at exit, or by the next
 * process that makes one in ROOT, unless there is a file `keep` in it (GOAUDIT_KEEP).  A
 * forked child uses its parent's, and holds the bytes N of the snapshots that it has
 * from it: those stay until it has ended or runs another program. */
#ifndef GOAUDIT_SNAPSHOT_H
#define GOAUDIT_SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../dlbind/private.h"
#include "image/image.h"
#include "guest/registry.h"

struct goaudit;

/* A snapshot that a forked child may still need. */
struct snapshot_left {
	struct snapshot_left *next;
	struct snapshot_folder *folder;
	uint64_t serial;
	char file[];
};

struct snapshot_folder {
	struct private_own *own;	/* constant; its mappings are guarded by goaudit.lock */
	struct snapshot_folder *next;	/* constant */
	char made[272];			/* constant */
};

struct snapshots {
	struct snapshot_folder *folders; /* NULL: none yet; grows at the head with
					 * goaudit.lock, atomic */
	struct snapshot_folder *current; /* where snapshots are made; the same */
	struct snapshot_left *left;	/* guarded by goaudit.lock */
	uint64_t inherited;		/* in a forked child: N of the last one that others
					 * may have, too; guarded by goaudit.lock */
	uint64_t unheld;		/* N of the last one that a child may have without a
					 * lock; guarded by goaudit.lock */
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

/* Removes a snapshot's file and folder, or has that done when no forked child needs it
 * any more.  Without locks. */
void snapshot_remove(struct goaudit *ga, const char *file);

/* Removes this process's folders, but not one that forked children use; at exit. */
void snapshot_finish(struct goaudit *ga);

/* Before a fork: takes the locks that the child is to have, for the parent may end
 * before the child has run at all.  And after it in the parent, or when it has failed, and
 * in the child, which may only use system calls.  All with goaudit.lock. */
void snapshot_forking(struct goaudit *ga);
void snapshot_forked_parent(struct goaudit *ga);
void snapshot_forked_child(struct goaudit *ga);

/* The folder beside the snapshots for what made.h makes; NULL: it cannot be made, and
 * errno says why. */
const char *snapshot_made_folder(struct goaudit *ga);

/* Does the snapshot lie where this process cannot look any more, since it has given up its
 * privileges or changed its root? */
bool snapshot_is_out_of_reach(const struct goaudit *ga, const char *name);

/* Is this the name of a snapshot of ours?  Cheap. */
bool snapshot_is_ours(const struct goaudit *ga, const char *name);

#endif
