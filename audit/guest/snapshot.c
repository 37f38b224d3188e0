#include "guest/snapshot.h"

#define MADE "/made"
#define KIND "goaudit"
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cancel.h"
#include "core/clock.h"
#include "api/goaudit.h"

/* How often a file is read again that changes while it is read. */
#define READ_TRIES 5

/* Removes what crashed processes have left. */
static void collect(struct goaudit *ga, const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *e;
	int claim;

	while (dir && (e = readdir(dir))) {
		claim = private_claim(dirfd(dir), e->d_name, KIND);
		if (claim < 0)
			continue;
		private_discard(dirfd(dir), e->d_name, claim);
		goaudit_log(ga, "%s/%s: removed: left by a process that is gone",
			    root, e->d_name);
	}
	if (dir)
		closedir(dir);
}

static bool choose_root(struct goaudit *ga, char *root, size_t size)
{
	char absolute[PATH_MAX];

	if (ga->settings.snapshots) {
		/* Asked for: no second choice. */
		if ((size_t)snprintf(root, size, "%s", ga->settings.snapshots) >= size ||
		    !private_folder(root) || !realpath(root, absolute) ||
		    strlen(absolute) >= size)
			return false;
		strcpy(root, absolute);
		return true;
	}
	return private_root("goaudit", root, size);
}

/* One of this process's folders that lies in `root` and is there. */
static struct snapshot_folder *folder_in(const struct snapshots *s, const char *root)
{
	size_t n = strlen(root);
	struct snapshot_folder *f;
	struct stat st;

	for (f = __atomic_load_n(&s->folders, __ATOMIC_ACQUIRE); f; f = f->next)
		if (strncmp(f->own->path, root, n) == 0 && f->own->path[n] == '/' &&
		    lstat(f->own->path, &st) == 0 && S_ISDIR(st.st_mode) &&
		    st.st_uid == geteuid())
			return f;
	return NULL;
}

static struct snapshot_folder *make_folder(struct goaudit *ga, const char *root)
{
	struct snapshot_folder *f = calloc(1, sizeof *f);

	collect(ga, root);
	if (f)
		f->own = private_make(root, KIND);
	if (!f || !f->own) {
		error_set(ga, "%s: cannot make a folder for snapshots: %m: free "
			  "space, or name another one in GOAUDIT_SNAPSHOTS", root);
		free(f);
		return NULL;
	}
	snprintf(f->made, sizeof f->made, "%s" MADE, f->own->path);
	if (ga->settings.keep)
		private_keep(f->own);
	return f;
}

/* Chooses the folder, of the user and in the root directory that the process has now.
 * Returns false with dlerror set. */
static bool choose_folder(struct goaudit *ga)
{
	struct snapshots *s = &ga->snapshots;
	struct snapshot_folder *f, *old;
	char root[200];
	bool made;

	if (!choose_root(ga, root, sizeof root)) {
		error_set(ga, "%s: not a folder that only this user can enter and "
			  "run programs from: remove it, or name another one in "
			  "GOAUDIT_SNAPSHOTS", root);
		return false;
	}
	f = folder_in(s, root);
	made = !f;
	if (made)
		f = make_folder(ga, root);
	if (!f)
		return false;
	pthread_mutex_lock(&ga->lock);
	if (made) {
		/* Two threads may have made one each: both stay. */
		old = s->folders;
		f->next = old;
		f->own->next = old ? old->own : NULL;
		__atomic_store_n(&s->folders, f, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&s->current, f, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->lock);
	return true;
}

/* The folder for a new file.  NULL, with dlerror set. */
static struct snapshot_folder *current_folder(struct goaudit *ga)
{
	struct snapshots *s = &ga->snapshots;
	struct snapshot_folder *f = __atomic_load_n(&s->current, __ATOMIC_ACQUIRE);

	/* Who has become another user does not run what the last one could exchange. */
	if ((!f || f->own->user != geteuid()) && !choose_folder(ga))
		return NULL;
	return __atomic_load_n(&s->current, __ATOMIC_ACQUIRE);
}

/* Has somebody tidied up, or is the folder out of the process's reach now? */
static bool is_out_of_reach(int error)
{
	return error == ENOENT || error == EACCES || error == EPERM || error == EROFS;
}

static int read_all(int fd, char *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;	/* an error, or the file has become shorter */
		done += n;
	}
	return 0;
}

/* All of an open file, to be freed; NULL: empty, unreadable, or no memory.  Not a
 * mapping: the file may be truncated while we look. */
static char *read_file(int fd, size_t *size)
{
	struct stat st;
	char *data = NULL;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		data = malloc(st.st_size);
	if (!data)
		return NULL;
	*size = st.st_size;
	if (read_all(fd, data, *size) == 0)
		return data;
	free(data);
	return NULL;
}

/* gdb stops at ld.so's SDT probes where it has them, and not at r_brk. */
static void find_probe(struct goaudit *ga)
{
	const struct r_debug *debug = ga->ldso.debug;
	const struct link_map *map =
		debug ? ldso_object_at((const void *)(uintptr_t)debug->r_brk) : NULL;
	int fd = map ? open(map->l_name, O_RDONLY | O_CLOEXEC) : -1;
	uint64_t at = 0;
	size_t size;
	char *data;

	if (fd < 0)
		return;
	data = read_file(fd, &size);
	if (data)
		at = ga->snapshots.probe(data, size, "rtld", "unmap_complete");
	if (at)
		ga->ldso.probe = map->l_addr + at;
	free(data);
	close(fd);
}

/* The image library lives in the auditor's namespace: the host never sees
 * libelf.  Returns 0, or -1 with dlerror set. */
static int ensure_image(struct goaudit *ga)
{
	struct snapshots *s = &ga->snapshots;
	char name[600];
	void *inspect, *mend, *debug, *probe, *text, *library;

	if (__atomic_load_n(&s->inspect, __ATOMIC_ACQUIRE))
		return 0;
	snprintf(name, sizeof name, "%s/libgoaudit-image.so", ga->home);
	library = call_dlopen(ga, true, name, RTLD_NOW | RTLD_LOCAL);
	inspect = library ? dlsym(library, "image_inspect") : NULL;
	mend = library ? dlsym(library, "image_mend") : NULL;
	debug = library ? dlsym(library, "image_add_debug") : NULL;
	text = library ? dlsym(library, "image_status_text") : NULL;
	probe = library ? dlsym(library, "image_probe") : NULL;
	if (!inspect || !mend || !debug || !probe || !text) {
		error_set(ga, "%s: install it beside libgoaudit.so", dlerror());
		return -1;
	}
	pthread_mutex_lock(&ga->lock);
	s->status_text = (const char *(*)(enum image_status))text;
	s->probe = (uint64_t (*)(const void *, size_t, const char *, const char *))probe;
	s->add_debug = (bool (*)(const void *, size_t, const struct image_facts *,
				 void **, size_t *))debug;
	s->mend = (enum image_status(*)(void *, size_t, const struct image_facts *,
					char *, size_t))mend;
	__atomic_store_n(&s->inspect,
			 (enum image_status(*)(const void *, size_t,
					       struct image_facts *, char *,
					       size_t))inspect,
			 __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->lock);
	find_probe(ga);
	return 0;
}

enum image_kind snapshot_kind(struct goaudit *ga, int fd)
{
	struct image_facts facts = { .size = sizeof facts };
	enum image_status status = IMAGE_CORRUPT;
	size_t size;
	char *data = read_file(fd, &size);

	if (data && ensure_image(ga) == 0)
		status = ga->snapshots.inspect(data, size, &facts, NULL, 0);
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
		s->signature = signature_of(&before);
		if (read_all(fd, s->data, s->size) != 0 || fstat(fd, &after) != 0)
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

int snapshot_read(struct goaudit *ga, int fd, const char *path, struct snapshot *s)
{
	uint64_t begin = clock_ns();
	struct stat st;

	snapshot_release(s);
	if (fstat(fd, &st) != 0) {
		error_set(ga, "%s: cannot be read: %m: try again", path);
		return -1;
	}
	if (st.st_size == 0) {
		error_set(ga, "%s: the file is empty: build it again", path);
		return -1;
	}
	s->size = st.st_size;
	s->data = malloc(s->size);
	if (!s->data) {
		error_set(ga, "%s: no memory to read its %zu bytes: close some "
			  "guests", path, s->size);
		return -1;
	}
	if (read_stable(fd, s) != 0) {
		snapshot_release(s);
		error_set(ga, "%s: the file cannot be read, or is being written: "
			  "open it again when its build is done", path);
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

static int refuse(struct goaudit *ga, const char *path, enum image_status status,
		  const char *why)
{
	const char *text = ga->snapshots.status_text(status);

	error_set(ga, "%s: %s%s%s: rebuild it for this machine, or copy it again",
		  path, text, why[0] ? ": " : "", why);
	return -1;
}

/* A Go guest without debug information gets what can be known without it: with
 * nothing, debuggers guess, and set breakpoints in the middle of instructions. */
static void add_debug(struct goaudit *ga, struct snapshot *s)
{
	size_t size;
	void *data;

	if (!ga->snapshots.add_debug(s->data, s->size, &s->facts, &data, &size))
		return;
	free(s->data);
	s->data = data;
	s->size = size;
}

static int check_and_mend(struct goaudit *ga, const char *path, struct snapshot *s)
{
	char why[200] = "";
	enum image_status status;

	s->facts.size = sizeof s->facts;
	status = ga->snapshots.inspect(s->data, s->size, &s->facts, why, sizeof why);
	if (status != IMAGE_OK)
		return refuse(ga, path, status, why);
	if (s->facts.kind == IMAGE_GO_OWN_RUNTIME) {
		error_set(ga, "%s: it carries a Go runtime of its own, which cannot "
			  "be closed: build it with `goaudit build`", path);
		return -1;
	}
	if (s->facts.kind == IMAGE_GO_RUNTIME) {
		error_set(ga, "%s: it is the Go runtime library itself: open a "
			  "guest instead", path);
		return -1;
	}
	status = ga->snapshots.mend(s->data, s->size, &s->facts, why, sizeof why);
	if (status != IMAGE_OK)
		return refuse(ga, path, status, why);
	add_debug(ga, s);
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
static bool make_place(struct goaudit *ga, struct snapshot *s, const char *base)
{
	struct snapshot_folder *f = current_folder(ga);
	bool chosen = false;
	char place[400];
	uint64_t n;

	s->file[0] = 0;
	while (f) {
		/* Unique in the folder: no two generations share a file, nor do forked
		 * processes, which count on from the same number. */
		n = __atomic_add_fetch(&ga->snapshots.serial, 1, __ATOMIC_RELAXED);
		snprintf(place, sizeof place, "%s/%016llx%016llx.%llu", f->own->path,
			 (unsigned long long)s->hash[0], (unsigned long long)s->hash[1],
			 (unsigned long long)n);
		snprintf(s->file, sizeof s->file, "%s/%s", place, base);
		if (mkdir(place, 0700) == 0)
			return true;
		if (errno == EEXIST)
			continue;
		if (chosen || !is_out_of_reach(errno))
			return false;
		chosen = true;
		s->file[0] = 0;
		f = choose_folder(ga) ? current_folder(ga) : NULL;
	}
	return false;
}

/* Of FOLDER/NAME. */
static void remove_place(const char *file)
{
	char place[512];

	snprintf(place, sizeof place, "%s", file);
	*strrchr(place, '/') = 0;
	rmdir(place);
}

int snapshot_make(struct goaudit *ga, const char *path, struct snapshot *s)
{
	const char *base = strrchr(path, '/') + 1;
	uint64_t begin = clock_ns();
	bool made;

	if (ensure_image(ga) != 0 || check_and_mend(ga, path, s) != 0)
		return -1;
	made = make_place(ga, s, base);
	if (!made && !s->file[0])
		return -1;
	if (!made || write_file(s->file, s) != 0) {
		error_set(ga, "%s: cannot make a snapshot: %m: free space, raise "
			  "the limit, or name another place in GOAUDIT_SNAPSHOTS",
			  s->file);
		if (made)
			remove_place(s->file);
		s->file[0] = 0;
		return -1;
	}
	s->ns += clock_ns() - begin;
	return 0;
}

const char *snapshot_made_folder(struct goaudit *ga)
{
	struct snapshot_folder *f = NULL;

	errno = ESHUTDOWN;
	if (!ga->exiting)
		f = current_folder(ga);
	if (f && mkdir(f->made, 0700) != 0 && errno != EEXIST) {
		f = is_out_of_reach(errno) && choose_folder(ga) ? current_folder(ga) : NULL;
		if (f && mkdir(f->made, 0700) != 0 && errno != EEXIST)
			f = NULL;
	}
	return f ? f->made : NULL;
}

/* The folder that a snapshot's name lies in; NULL: it is none. */
static struct snapshot_folder *folder_of(const struct goaudit *ga, const char *name)
{
	struct snapshot_folder *f;
	size_t n;

	for (f = __atomic_load_n(&ga->snapshots.folders, __ATOMIC_ACQUIRE); f; f = f->next) {
		n = strlen(f->own->path);
		if (strncmp(name, f->own->path, n) == 0 && name[n] == '/' &&
		    strncmp(name + n, MADE "/", sizeof MADE) != 0)
			return f;
	}
	return NULL;
}

bool snapshot_is_ours(const struct goaudit *ga, const char *name)
{
	return folder_of(ga, name) != NULL;
}

bool snapshot_is_out_of_reach(const struct goaudit *ga, const char *name)
{
	const struct snapshot_folder *f = folder_of(ga, name);

	return f && faccessat(AT_FDCWD, name, R_OK, AT_EACCESS) != 0 &&
	       (errno == EACCES || faccessat(AT_FDCWD, f->own->path, X_OK, AT_EACCESS) != 0);
}

/* N of ROOT/PID.STARTTIME/HASH.N/NAME. */
static uint64_t serial_of(const struct snapshot_folder *f, const char *file)
{
	const char *dot = strchr(file + strlen(f->own->path), '.');

	return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

/* In a forked child: takes locks of its own in place of those that it shares with its
 * relatives.  Is it the folder's only user now?  With goaudit.lock. */
static bool is_alone(struct goaudit *ga, struct private_own *own)
{
	int fd = private_lock_file(own);
	void *held = NULL;
	bool alone;

	if (fd < 0)
		return false;
	if (private_lock(fd, F_RDLCK, 0, ga->snapshots.inherited + 1))
		held = private_hold(dup(fd));
	alone = held != NULL;
	if (alone) {
		private_release(&own->inherited);
		private_release(&own->held);
		own->held = held;
		alone = private_lock(fd, F_WRLCK, 0, 0);
	}
	if (alone) {
		private_lock(fd, F_UNLCK, 1, 0);
		private_lock(fd, F_RDLCK, 0, 1);
	}
	close(fd);
	return alone;
}

/* May a forked child, or whom this process was forked from, need the snapshot?  With
 * goaudit.lock. */
static bool is_needed(struct goaudit *ga, const struct snapshot_left *l)
{
	struct snapshots *s = &ga->snapshots;

	if (l->serial <= s->inherited && is_alone(ga, l->folder->own))
		s->inherited = 0;
	return l->serial <= s->inherited || l->serial <= s->unheld ||
	       private_is_held(l->folder->own, l->serial);
}

/* Takes what nobody needs any more out of the list.  With goaudit.lock. */
static struct snapshot_left *take_unneeded(struct goaudit *ga)
{
	struct snapshot_left **link = &ga->snapshots.left, *l, *unneeded = NULL;

	while ((l = *link)) {
		if (is_needed(ga, l)) {
			link = &l->next;
			continue;
		}
		*link = l->next;
		l->next = unneeded;
		unneeded = l;
	}
	return unneeded;
}

void snapshot_remove(struct goaudit *ga, const char *file)
{
	struct snapshot_folder *f = folder_of(ga, file);
	struct snapshot_left *l, *next;

	if (ga->settings.keep || !f)
		return;
	/* Out of memory: it stays until the end. */
	l = malloc(sizeof *l + strlen(file) + 1);
	if (!l)
		return;
	l->folder = f;
	l->serial = serial_of(f, file);
	strcpy(l->file, file);
	pthread_mutex_lock(&ga->lock);
	l->next = ga->snapshots.left;
	ga->snapshots.left = l;
	l = take_unneeded(ga);
	pthread_mutex_unlock(&ga->lock);
	for (; l; l = next) {
		next = l->next;
		unlink(l->file);
		remove_place(l->file);
		free(l);
	}
}

void snapshot_finish(struct goaudit *ga)
{
	struct snapshot_folder *f = __atomic_load_n(&ga->snapshots.folders, __ATOMIC_ACQUIRE);

	if (f)
		private_finish(f->own, KIND);
}

/* A mapping with the locks of all snapshots that the child will have. */
static void *hold_for_child(struct goaudit *ga, const struct snapshot_folder *f)
{
	struct snapshots *s = &ga->snapshots;
	int fd = s->serial ? private_lock_file(f->own) : -1;
	struct snapshot_left *l;

	if (fd < 0)
		return NULL;
	if (!private_lock(fd, F_RDLCK, 1, s->serial)) {
		close(fd);
		return NULL;
	}
	for (l = s->left; l; l = l->next)
		if (l->folder == f)
			private_lock(fd, F_UNLCK, l->serial, 1);
	return private_hold(fd);
}

void snapshot_forking(struct goaudit *ga)
{
	struct snapshots *s = &ga->snapshots;
	CANCEL_OFF();

	for (struct snapshot_folder *f = s->folders; f; f = f->next) {
		f->own->forking = hold_for_child(ga, f);
		/* No descriptor, say.  From a folder out of reach nothing is removed. */
		if (!f->own->forking && !is_out_of_reach(errno))
			s->unheld = s->serial;
	}
}

void snapshot_forked_parent(struct goaudit *ga)
{
	for (struct snapshot_folder *f = ga->snapshots.folders; f; f = f->next)
		private_release(&f->own->forking);
}

void snapshot_forked_child(struct goaudit *ga)
{
	struct snapshots *s = &ga->snapshots;

	s->inherited = s->serial;
	s->unheld = 0;
	s->left = NULL;		/* the parent's to remove */
	for (struct snapshot_folder *f = s->folders; f; f = f->next) {
		private_release(&f->own->inherited);
		f->own->inherited = f->own->forking;
		f->own->forking = NULL;
	}
}
