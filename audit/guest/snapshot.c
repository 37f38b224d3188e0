#include "guest/snapshot.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../dlbind/private.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/file.h"
#include "core/path.h"
#include "goaudit.h"
#include "guest/companion.h"
#include "guest/content.h"
#include "guest/debug_files.h"
#include "guest/guests.h"
#include "guest/stamp.h"
#include "image/image.h"
#include "loader/folder.h"
#include "loader/identity.h"
#include "loader/loader.h"

/* How often a file is read again that changes while it is read. */
#define READ_TRIES 5

enum image_kind snapshot_kind(struct guests *gs, int fd)
{
	struct image_facts facts = { .size = sizeof facts };
	enum image_status status = IMAGE_CORRUPT;
	size_t size;
	char *data = file_read(fd, &size);

	if (data && companion_image(gs) == 0)
		status = gs->companions.inspect(data, size, &facts, NULL, 0);
	free(data);
	return status == IMAGE_OK ? facts.kind : IMAGE_C;
}

/* Reads fd until it stood still meanwhile. */
static int read_stable(int fd, struct snapshot *s)
{
	struct stat before, after;
	XXH128_hash_t hash;

	for (int i = 0; i < READ_TRIES; i++) {
		if (fstat(fd, &before) != 0 || (size_t)before.st_size != s->size)
			return -1;
		s->stamp = stamp_of(&before);
		if (file_read_all(fd, s->data, s->size) != 0 || fstat(fd, &after) != 0)
			return -1;
		if (before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
		    before.st_mtim.tv_nsec != after.st_mtim.tv_nsec ||
		    before.st_size != after.st_size)
			continue;
		hash = XXH3_128bits(s->data, s->size);
		s->hash[0] = hash.high64;
		s->hash[1] = hash.low64;
		return 0;
	}
	return -1;
}

int snapshot_read(struct guests *gs, int fd, const char *path, struct snapshot *s)
{
	uint64_t begin = clock_ns();
	struct stat st;

	snapshot_release(s);
	if (fstat(fd, &st) != 0) {
		error_set(gs->core, "%s: cannot be read: %m: try again", path);
		return -1;
	}
	if (st.st_size == 0) {
		error_set(gs->core, "%s: the file is empty: build it again", path);
		return -1;
	}
	s->size = st.st_size;
	s->data = malloc(s->size);
	if (!s->data) {
		error_set(gs->core,
			  "%s: no memory to read its %zu bytes: close some "
			  "guests",
			  path, s->size);
		return -1;
	}
	if (read_stable(fd, s) != 0) {
		snapshot_release(s);
		error_set(gs->core,
			  "%s: the file cannot be read, or is being written: "
			  "open it again when its build is done",
			  path);
		return -1;
	}
	s->ns = clock_ns() - begin;
	return 0;
}

void snapshot_release(struct snapshot *s)
{
	free(s->data);
	s->data = NULL;
}

static int refuse(struct guests *gs, const char *path, enum image_status status,
		  const char *why)
{
	const char *text = gs->companions.status_text(status);

	error_set(gs->core, "%s: %s%s%s: rebuild it for this machine, or copy it again", path,
		  text, why[0] ? ": " : "", why);
	return -1;
}

/* A Go guest without debug information gets what can be known without it: with
 * nothing, debuggers guess, and set breakpoints in the middle of instructions. */
static void add_debug(struct guests *gs, const char *path, struct snapshot *s)
{
	char file[PATH_MAX];
	size_t size;
	void *data;

	if (debug_files_find(&s->facts, path, file, sizeof file) ||
	    !gs->companions.add_debug(s->data, s->size, &s->facts, &data, &size))
		return;
	free(s->data);
	s->data = data;
	s->size = size;
}

static int check_and_mend(struct guests *gs, const char *path, struct snapshot *s)
{
	char why[200] = "";
	enum image_status status;

	s->facts.size = sizeof s->facts;
	status = gs->companions.inspect(s->data, s->size, &s->facts, why, sizeof why);
	if (status != IMAGE_OK)
		return refuse(gs, path, status, why);
	if (s->facts.kind == IMAGE_GO_OWN_RUNTIME) {
		error_set(gs->core,
			  "%s: it carries a Go runtime of its own, which cannot "
			  "be closed: build it with `goaudit build`",
			  path);
		return -1;
	}
	if (s->facts.kind == IMAGE_GO_RUNTIME) {
		error_set(gs->core,
			  "%s: it is the Go runtime library itself: open a "
			  "guest instead",
			  path);
		return -1;
	}
	status = gs->companions.mend(s->data, s->size, &s->facts, why, sizeof why);
	if (status != IMAGE_OK)
		return refuse(gs, path, status, why);
	add_debug(gs, path, s);
	return 0;
}

static int write_file(const char *name, const struct snapshot *s)
{
	struct rlimit limit;
	size_t done = 0;
	int fd;

	/* Beyond it, write(2) would raise a signal. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && s->size > limit.rlim_cur) {
		errno = EFBIG;
		return -1;
	}
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return -1;
	while (done < s->size) {
		ssize_t n = write(fd, s->data + done, s->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	if (close(fd) != 0 || done < s->size) {
		unlink(name);
		return -1;
	}
	return 0;
}

/* Makes an empty folder for a snapshot.  Returns false; s->file is what failed, and errno
 * says why, or, where it is "", dlerror. */
static bool make_place(struct guests *gs, struct snapshot *s, const char *base)
{
	struct process_folder *f = folder_current(gs->loader);
	bool chosen = false;
	char place[400];
	uint64_t n;

	s->file[0] = 0;
	while (f) {
		/* Unique in the folder, also among forked processes, which count on from the
		 * same number. */
		n = __atomic_add_fetch(&gs->loader->folders.serial, 1, __ATOMIC_RELAXED);
		snprintf(place, sizeof place, "%s/%016llx%016llx.%llu", f->own->path,
			 (unsigned long long)s->hash[0], (unsigned long long)s->hash[1],
			 (unsigned long long)n);
		snprintf(s->file, sizeof s->file, "%s/%s", place, base);
		if (mkdir(place, 0700) == 0)
			return true;
		if (errno == EEXIST)
			continue;
		if (chosen || !folder_is_out_of_reach(errno))
			return false;
		chosen = true;
		s->file[0] = 0;
		f = folder_choose(gs->loader) ? folder_current(gs->loader) : NULL;
	}
	return false;
}

/* Makes a place for the file: one more name of `shared`, or, where that is NULL, what has
 * been read.  Returns 0, or -1: nothing is left, and in the latter case dlerror is set. */
static int place_file(struct guests *gs, const char *path, struct snapshot *s,
		      const char *shared)
{
	bool made, placed;

	/* Who was forked in the midst of this, by a signal handler, has the same place. */
	do {
		made = make_place(gs, s, path_base(path));
		placed = made && (shared ? link(shared, s->file) : write_file(s->file, s)) == 0;
	} while (made && !placed && errno == EEXIST);
	if (placed)
		return 0;
	if (!shared && (made || s->file[0]))
		error_set(gs->core,
			  "%s: cannot make a snapshot: %m: free space, raise "
			  "the limit, or name another place in GOAUDIT_SNAPSHOTS",
			  s->file);
	if (made)
		folder_remove_place(s->file);
	s->file[0] = 0;
	return -1;
}

/* One more name for the file of a generation with the same content.  Another file system, a
 * file that has gone meanwhile, too many names: then it is copied. */
static bool share(struct guests *gs, const char *path, struct snapshot *s)
{
	char file[sizeof s->file];

	return s->shares && identity_known(gs->loader) &&
	       content_of(gs, s->hash, &s->facts, file, sizeof file) &&
	       place_file(gs, path, s, file) == 0;
}

bool snapshot_know(struct guests *gs, const struct file_stamp *now, const struct guest *guest,
		   struct snapshot *s)
{
	const struct instances *all = guest->instances;

	if (s->data || !all)
		return false;
	pthread_mutex_lock(&gs->core->lock);
	s->known = all->stamped && !all->stamp.racy && stamp_same(now, &all->stamp);
	if (s->known) {
		s->stamp = *now;
		memcpy(s->hash, all->hash, sizeof s->hash);
	}
	pthread_mutex_unlock(&gs->core->lock);
	return s->known;
}

static int read_path(struct guests *gs, const char *path, struct snapshot *s)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = -1;

	if (fd < 0) {
		error_set(gs->core, "%s: cannot be read: %m: try again", path);
		return -1;
	}
	result = snapshot_read(gs, fd, path, s);
	close(fd);
	return result;
}

int snapshot_make(struct guests *gs, const char *path, struct snapshot *s)
{
	uint64_t begin = clock_ns();
	int result = 0;

	if (!share(gs, path, s)) {
		if (!s->data && read_path(gs, path, s) != 0)
			return -1;
		begin = clock_ns();
		result = companion_image(gs) == 0 && check_and_mend(gs, path, s) == 0 ?
				 place_file(gs, path, s, NULL) :
				 -1;
	}
	snapshot_release(s);
	if (result == 0) {
		debug_files_link(&s->facts, path, s->file);
		s->ns += clock_ns() - begin;
	}
	return result;
}

/* A snapshot does not change, and ld.so has it mapped, too. */
static int map(struct guests *gs, const struct generation *gen, struct snapshot_mapping *m)
{
	int fd = open(gen->info->snapshot, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	m->data = MAP_FAILED;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		m->size = st.st_size;
		m->data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (fd >= 0)
		close(fd);
	if (m->data != MAP_FAILED)
		return 0;
	error_set(gs->core,
		  "%s: the snapshot of its build cannot be read: close and open it "
		  "again",
		  gen->info->path);
	return -1;
}

int snapshot_map_both(struct guests *gs, const struct generation *old,
		      const struct generation *new, struct snapshot_mapping *first,
		      struct snapshot_mapping *second)
{
	if (map(gs, old, first) != 0)
		return -1;
	if (map(gs, new, second) == 0)
		return 0;
	munmap(first->data, first->size);
	return -1;
}
