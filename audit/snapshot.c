#include "snapshot.h"

#define MADE "/made"
#define KEEP_MARK "keep"	/* a file in a folder that stays */
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

#include "../dlbind/private.h"
#include "clock.h"
#include "state.h"

/* How long a forked child may take until it runs. */
#define FORK_SECONDS 60

/* How often a process that forks looks for children that are gone. */
#define FORKS_TO_PRUNE 64

/* How often a file is read again that changes while it is read. */
#define READ_TRIES 5

/* Is it a folder of a name that ensure_root gives?  What else lies there is not ours. */
static bool is_process_folder(int at, const char *name)
{
	unsigned long long start;
	struct stat st;
	int pid, n = 0;

	return name[0] >= '1' && name[0] <= '9' &&
	       sscanf(name, "%d.%llu%n", &pid, &start, &n) == 2 && !name[n] &&
	       fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* A child that is on its way makes itself known within moments; what is older
 * was left by a fork that failed. */
static bool is_young(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       time(NULL) - st.st_mtime < FORK_SECONDS;
}

static bool has_living_user(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *e;
	bool found = false;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* A child makes its user.* first and takes its fork.* away then: looked
	 * for in the other order, one of them is seen. */
	while (!found && (e = readdir(dir)))
		found = strncmp(e->d_name, "fork.", 5) == 0 &&
			is_young(dirfd(dir), e->d_name);
	rewinddir(dir);
	while (!found && (e = readdir(dir)))
		found = strncmp(e->d_name, "user.", 5) == 0 &&
			private_may_live(e->d_name + 5);
	closedir(dir);
	return found;
}

/* Removes what crashed processes have left. */
static void collect(struct goaudit *ga, const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char mark[sizeof((struct dirent *)0)->d_name + sizeof KEEP_MARK + 1];
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir))) {
		snprintf(mark, sizeof mark, "%s/" KEEP_MARK, e->d_name);
		if (!is_process_folder(fd, e->d_name) || private_may_live(e->d_name) ||
		    has_living_user(fd, e->d_name) || faccessat(fd, mark, F_OK, 0) == 0)
			continue;
		goaudit_log(ga, "%s/%s: removed: left by a process that is gone",
			    root, e->d_name);
		private_remove(fd, e->d_name, 3);
	}
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

static void touch(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

/* So that nobody collects the folder. */
static void mark_kept(const struct goaudit *ga, const char *own)
{
	char mark[sizeof ga->snapshots.root + sizeof KEEP_MARK];

	if (!ga->settings.keep)
		return;
	snprintf(mark, sizeof mark, "%s/" KEEP_MARK, own);
	touch(mark);
}

/* This process's folder. Returns 0, or -1 with dlerror set. */
static int ensure_root(struct goaudit *ga)
{
	char root[200], own[256];

	if (ga->snapshots.root[0])
		return 0;
	if (!choose_root(ga, root, sizeof root)) {
		error_set(ga, "%s: not a folder that only this user can enter and "
			  "run programs from: remove it, or name another one in "
			  "GOAUDIT_SNAPSHOTS", root);
		return -1;
	}
	collect(ga, root);
	snprintf(own, sizeof own, "%s/%d.%llu", root, getpid(),
		 private_start_of(getpid()));
	if (mkdir(own, 0700) != 0 && errno != EEXIST) {
		error_set(ga, "%s: cannot make the folder for snapshots: %m: free "
			  "space, or name another one in GOAUDIT_SNAPSHOTS", own);
		return -1;
	}
	mark_kept(ga, own);
	pthread_mutex_lock(&ga->lock);
	if (!ga->snapshots.root[0]) {
		memcpy(ga->snapshots.root, own, sizeof own);
		snprintf(ga->snapshots.made, sizeof ga->snapshots.made, "%s" MADE, own);
	}
	pthread_mutex_unlock(&ga->lock);
	return 0;
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
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
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

/* Somebody has tidied up: makes the folder again. */
static bool restore_root(struct goaudit *ga)
{
	char parent[256];

	snprintf(parent, sizeof parent, "%s", ga->snapshots.root);
	*strrchr(parent, '/') = 0;
	if (!private_folder(parent) ||
	    (mkdir(ga->snapshots.root, 0700) != 0 && errno != EEXIST))
		return false;
	mark_kept(ga, ga->snapshots.root);
	return true;
}

int snapshot_make(struct goaudit *ga, const char *path, struct snapshot *s)
{
	const char *base = strrchr(path, '/') + 1;
	uint64_t begin = clock_ns(), n;
	char folder[400];
	bool made, again, restored = false;

	if (ensure_image(ga) != 0 || check_and_mend(ga, path, s) != 0 ||
	    ensure_root(ga) != 0)
		return -1;
	/* Unique in the folder: no two generations share a file, nor do forked
	 * processes, which count on from the same number. */
	do {
		n = __atomic_add_fetch(&ga->snapshots.serial, 1, __ATOMIC_RELAXED);
		snprintf(folder, sizeof folder, "%s/%016llx%016llx.%llu",
			 ga->snapshots.root, (unsigned long long)s->hash[0],
			 (unsigned long long)s->hash[1], (unsigned long long)n);
		made = mkdir(folder, 0700) == 0;
		if (!made && errno == ENOENT && !restored)
			restored = again = restore_root(ga);
		else
			again = !made && errno == EEXIST;
	} while (again);
	snprintf(s->file, sizeof s->file, "%s/%s", folder, base);
	if (!made || write_file(s->file, s) != 0) {
		error_set(ga, "%s: cannot make a snapshot: %m: free space, raise "
			  "the limit, or name another place in GOAUDIT_SNAPSHOTS",
			  s->file);
		rmdir(folder);
		s->file[0] = 0;
		return -1;
	}
	s->ns += clock_ns() - begin;
	return 0;
}

const char *snapshot_made_folder(struct goaudit *ga)
{
	const char *made = ga->snapshots.made;

	errno = ESHUTDOWN;
	if (ga->exiting || ensure_root(ga) != 0)
		return NULL;
	if (mkdir(made, 0700) == 0 || errno == EEXIST ||
	    (errno == ENOENT && restore_root(ga) &&
	     (mkdir(made, 0700) == 0 || errno == EEXIST)))
		return made;
	return NULL;
}

/* N of ROOT/PID.STARTTIME/HASH.N/NAME. */
static uint64_t serial_of(const struct snapshots *s, const char *file)
{
	const char *dot = strchr(file + strlen(s->root), '.');

	return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

void snapshot_remove(struct goaudit *ga, const char *file)
{
	char folder[512];
	char *slash;

	/* A forked child may have it mapped: its debugger needs the file. */
	if (ga->settings.keep || !snapshot_is_ours(ga, file) ||
	    serial_of(&ga->snapshots, file) <= ga->snapshots.inherited ||
	    (ga->snapshots.forks && has_living_user(AT_FDCWD, ga->snapshots.root)))
		return;
	unlink(file);
	snprintf(folder, sizeof folder, "%s", file);
	slash = strrchr(folder, '/');
	*slash = 0;
	rmdir(folder);
}

void snapshot_finish(struct goaudit *ga)
{
	if (!ga->snapshots.root[0] || ga->forked || ga->settings.keep ||
	    has_living_user(AT_FDCWD, ga->snapshots.root))
		return;
	private_remove(AT_FDCWD, ga->snapshots.root, 3);
}

static void remove_dead_users(const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, "user.", 5) == 0 && !private_may_live(e->d_name + 5))
			unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
}

static void fork_file(const struct snapshots *s, char *name, size_t size)
{
	snprintf(name, size, "%s/fork.%d.%llu", s->root, s->pid,
		 (unsigned long long)s->forks);
}

void snapshot_forking(struct goaudit *ga)
{
	char name[400];

	if (!ga->snapshots.root[0])
		return;
	if (++ga->snapshots.forks % FORKS_TO_PRUNE == 0)
		remove_dead_users(ga->snapshots.root);
	ga->snapshots.pid = getpid();
	fork_file(&ga->snapshots, name, sizeof name);
	touch(name);
}

/* After fork, in the child: only system calls. */
void snapshot_forked(struct goaudit *ga)
{
	char name[400], from[400];

	if (!ga->snapshots.root[0])
		return;
	ga->snapshots.inherited = ga->snapshots.serial;
	snprintf(name, sizeof name, "%s/user.%d.%llu", ga->snapshots.root, getpid(),
		 private_start_of(getpid()));
	fork_file(&ga->snapshots, from, sizeof from);
	ga->snapshots.forks = 0;
	/* No rename: who reads the folder meanwhile could miss both names. */
	touch(name);
	unlink(from);
}

bool snapshot_is_ours(const struct goaudit *ga, const char *name)
{
	size_t n = strlen(ga->snapshots.root);

	return n && strncmp(name, ga->snapshots.root, n) == 0 && name[n] == '/' &&
	       strncmp(name + n, MADE "/", sizeof MADE) != 0;
}
