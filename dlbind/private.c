#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MARK_SIZE 160
#define NAMES     1000 /* of folders that are tried for one process */

/* --- folders that only this user can enter ------------------------------------------- */

bool private_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
}

bool private_folder(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return false;
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 077) {
		errno = EPERM;
		return false;
	}
	if (statvfs(path, &fs) != 0)
		return false;
	errno = EPERM;
	return !(fs.f_flag & ST_NOEXEC);
}

bool private_root(const char *name, char *root, size_t size)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");

	if (run && run[0] == '/' && (size_t)snprintf(root, size, "%s/%s", run, name) < size &&
	    private_folder(root))
		return true;
	snprintf(root, size, "/dev/shm/%s-%u", name, geteuid());
	if (private_folder(root))
		return true;
	snprintf(root, size, "/tmp/%s-%u", name, geteuid());
	return private_folder(root);
}

/* --- a process's own --------------------------------------------------------------------- */

/* When this process was started, in clock ticks since boot (proc(5), field 22 of stat);
 * 0: that cannot be told. */
static unsigned long long start_time(void)
{
	char text[1024], *p;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	/* The name, field 2, may hold anything, so count from its closing bracket. */
	p = strrchr(text, ')');
	for (int fields = 0; p && fields < 20; fields++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

/* What the mark says.  With the folder's own number: a copy of the folder is not ours. */
static size_t mark_text(char text[MARK_SIZE], const char *kind, const struct stat *folder)
{
	return snprintf(text, MARK_SIZE,
			"%s: files of one process, folder %llu: removed when "
			"it has ended\n",
			kind, (unsigned long long)folder->st_ino);
}

bool private_lock(int fd, short type, uint64_t first, uint64_t n)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = first,
		.l_len = n,
	};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* A mapping holds the open file (mm/mmap.c, vm_file), and its locks go with that
 * (fs/locks.c, locks_remove_file).  Nobody looks at the page. */
void *private_hold(int fd)
{
	void *held = mmap(NULL, 1, PROT_NONE, MAP_SHARED, fd, 0);
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return held == MAP_FAILED ? NULL : held;
}

void private_release(void **held)
{
	if (*held)
		munmap(*held, 1);
	*held = NULL;
}

int private_lock_file(const struct private_own *own)
{
	char name[sizeof own->path + sizeof PRIVATE_MARK + 1];

	snprintf(name, sizeof name, "%s/" PRIVATE_MARK, own->path);
	return open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

bool private_is_held(const struct private_own *own, uint64_t n)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = n,
		.l_len = 1,
	};
	int fd = private_lock_file(own);
	bool held;

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	held = fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

/* Marks the new folder as ours; its lock is there before the mark says anything. */
static void *mark(int folder, const char *kind)
{
	char text[MARK_SIZE];
	struct rlimit limit;
	struct stat st;
	ssize_t size;
	int fd;

	if (fstat(folder, &st) != 0)
		return NULL;
	size = mark_text(text, kind, &st);
	/* Beyond it, write(2) would raise a signal. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && (rlim_t)size > limit.rlim_cur) {
		errno = EFBIG;
		return NULL;
	}
	fd = openat(folder, PRIVATE_MARK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return NULL;
	if (private_lock(fd, F_RDLCK, 0, 1) && write(fd, text, size) == size)
		return private_hold(fd);
	close(fd);
	return NULL;
}

/* Makes the folder and marks it. */
static void *make_marked(const char *path, const char *kind)
{
	void *held;
	int folder, error;

	if (mkdir(path, 0700) != 0)
		return NULL;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	held = folder < 0 ? NULL : mark(folder, kind);
	error = errno;
	if (!held) {
		if (folder >= 0)
			unlinkat(folder, PRIVATE_MARK, 0);
		rmdir(path);
	}
	if (folder >= 0)
		close(folder);
	errno = error == EEXIST ? EIO : error;
	return held;
}

struct private_own *private_make(const char *root, const char *kind)
{
	struct private_own *own = calloc(1, sizeof *own);
	unsigned long long start = start_time();
	int error, n;

	if (!own)
		return NULL;
	/* The name is another one's in another namespace of process numbers, or was left by
	 * the program that this process ran before. */
	for (unsigned i = 0; i < NAMES; i++) {
		n = snprintf(own->path, sizeof own->path, "%s/%s-%d.%llu", root, kind, getpid(),
			     start);
		if (i && n > 0 && (size_t)n < sizeof own->path)
			n += snprintf(own->path + n, sizeof own->path - n, ".%u", i);
		errno = ENAMETOOLONG;
		if (n < 0 || (size_t)n >= sizeof own->path)
			break;
		own->user = geteuid();
		own->held = make_marked(own->path, kind);
		if (own->held)
			return own;
		if (errno != EEXIST)
			break;
	}
	error = errno;
	free(own);
	errno = error;
	return NULL;
}

void private_keep(const struct private_own *own)
{
	char name[sizeof own->path + sizeof PRIVATE_KEEP + 1];
	int fd;

	snprintf(name, sizeof name, "%s/" PRIVATE_KEEP, own->path);
	fd = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

/* --- removing ----------------------------------------------------------------------------- */

/* Is it a name that private_make gives, or gave before it put the kind in front? */
static bool is_name(const char *name, const char *kind)
{
	size_t digits, n = strlen(kind);
	unsigned numbers = 0;

	if (strncmp(name, kind, n) == 0 && name[n] == '-')
		name += n + 1;
	for (;; name++) {
		digits = strspn(name, "0123456789");
		if (!digits || ++numbers > 3)
			return false;
		name += digits;
		if (!*name)
			return numbers >= 2;
		if (*name != '.')
			return false;
	}
}

/* Does the mark say that the folder is one of `kind`, and this one? */
static bool is_mark(int fd, const char *kind, const struct stat *folder)
{
	char text[MARK_SIZE], found[MARK_SIZE];
	size_t size = mark_text(text, kind, folder);
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink == 1 && (size_t)st.st_size == size &&
	       pread(fd, found, size, 0) == (ssize_t)size && memcmp(found, text, size) == 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int private_claim(int at, const char *name, const char *kind)
{
	const char *last = strrchr(name, '/');
	struct stat st, now;
	int folder, fd = -1;

	if (!is_name(last ? last + 1 : name, kind))
		return -1;
	folder = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return -1;
	if (fstat(folder, &st) == 0 && st.st_uid == geteuid() &&
	    faccessat(folder, PRIVATE_KEEP, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
		fd = openat(folder, PRIVATE_MARK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* Another one may have claimed and removed it before the lock was ours. */
	if (fd >= 0 &&
	    !(is_mark(fd, kind, &st) && private_lock(fd, F_WRLCK, 0, 0) &&
	      is_mark(fd, kind, &st) && fstatat(at, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	      is_same(&st, &now))) {
		close(fd);
		fd = -1;
	}
	close(folder);
	return fd;
}

/* Removes what is in the folder, so many levels down.  Closes it. */
static void empty(int folder, unsigned depth)
{
	DIR *dir = fdopendir(folder);
	struct dirent *e;
	int fd;

	if (!dir) {
		close(folder);
		return;
	}
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, PRIVATE_MARK) == 0 ||
		    unlinkat(folder, e->d_name, 0) == 0 || !depth)
			continue;
		fd = openat(folder, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		empty(fd, depth - 1);
		unlinkat(folder, e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

void private_discard(int at, const char *name, int claim)
{
	int folder = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int again = folder < 0 ? -1 : dup(folder);

	if (again >= 0)
		empty(again, 1);
	/* The mark goes last: what is interrupted can be gone on with. */
	if (folder >= 0) {
		unlinkat(folder, PRIVATE_MARK, 0);
		close(folder);
		unlinkat(at, name, AT_REMOVEDIR);
	}
	close(claim);
}

void private_finish(struct private_own *own, const char *kind)
{
	int claim;

	for (; own; own = own->next) {
		private_release(&own->held);
		private_release(&own->inherited);
		claim = private_claim(AT_FDCWD, own->path, kind);
		if (claim >= 0)
			private_discard(AT_FDCWD, own->path, claim);
	}
}
