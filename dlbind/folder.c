/* Where the libraries' files are made: a folder of this process in a folder of
 * this user, which nobody else can enter.
 *
 *	ROOT/PID.STARTTIME/NAME.N
 *
 * What a process that has crashed leaves is wanted by who reads its core dump,
 * so the last few of those folders stay; older ones are removed by the next
 * process that makes a library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "private.h"

/* How many processes' leavings are kept. */
#define LEAVINGS 4

#define KEEP_MARK "keep"

static bool choose_root(char *root, size_t size)
{
	const char *asked = secure_getenv("DLBIND_FOLDER");

	if (asked && asked[0]) {
		/* No second choice. */
		if ((size_t)snprintf(root, size, "%s", asked) < size &&
		    asked[0] == '/')
			return private_folder(root);
		errno = EINVAL;
		return false;
	}
	return private_root("dlbind", root, size);
}

struct leaving {
	char name[64];
	struct timespec changed;
};

/* Is this folder of ROOT a dead process's? */
static bool is_leaving(int at, const char *name, struct leaving *l)
{
	unsigned long long start;
	struct stat st;
	char mark[96];
	long pid;
	int n = 0;

	if (sscanf(name, "%ld.%llu%n", &pid, &start, &n) != 2 || name[n] ||
	    (size_t)n >= sizeof l->name || private_may_live(name) ||
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
		return false;
	strcpy(l->name, name);
	snprintf(mark, sizeof mark, "%s/" KEEP_MARK, l->name);
	if (faccessat(at, mark, F_OK, 0) == 0)
		return false;
	l->changed = st.st_mtim;
	return true;
}

static bool newer(const struct leaving *a, const struct leaving *b)
{
	return a->changed.tv_sec != b->changed.tv_sec ?
		       a->changed.tv_sec > b->changed.tv_sec :
		       a->changed.tv_nsec > b->changed.tv_nsec;
}

static void collect(const char *root)
{
	struct leaving kept[LEAVINGS], l, old;
	unsigned n = 0;
	struct dirent *e;
	DIR *dir = opendir(root);

	while (dir && (e = readdir(dir))) {
		if (!is_leaving(dirfd(dir), e->d_name, &l))
			continue;
		for (unsigned i = 0; i < n; i++)
			if (newer(&l, &kept[i])) {
				old = kept[i];
				kept[i] = l;
				l = old;
			}
		if (n < LEAVINGS)
			kept[n++] = l;
		else
			private_remove(dirfd(dir), l.name, 1);
	}
	if (dir)
		closedir(dir);
}

int folder_accept(const char *path)
{
	if (private_folder(path))
		return 0;
	return error_set(errno, "%s: not a folder that only this user can enter and map "
			 "code from: %m: name another one", path);
}

int folder_prepare(void)
{
	struct state *s = &dlbind_state;
	char root[400];

	if (!choose_root(root, sizeof root))
		return error_set(errno, "%s: no folder that only this user can enter "
				 "and map code from: %m: name one in DLBIND_FOLDER",
				 root);
	collect(root);
	snprintf(s->folder, sizeof s->folder, "%s/%ld.%llu", root, (long)getpid(),
		 private_start_of(getpid()));
	if (mkdir(s->folder, 0700) != 0 && errno != EEXIST) {
		error_set(errno, "%s: cannot be made: %m: free space, or name another "
			  "folder in DLBIND_FOLDER", s->folder);
		s->folder[0] = 0;
		return -1;
	}
	return 0;
}

int folder_given(void)
{
	struct state *s = &dlbind_state;
	const char *folder = s->loader.folder();

	if (!folder || strlen(folder) >= sizeof s->folder)
		return error_set(folder ? ENAMETOOLONG : errno, "dlcreate: no folder for its "
				 "file: %m: free space, or name another one");
	pthread_rwlock_wrlock(&s->lock);
	if (!s->folder[0])
		strcpy(s->folder, folder);
	pthread_rwlock_unlock(&s->lock);
	return 0;
}

int folder_allows(const char *name, size_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || size <= limit.rlim_cur)
		return 0;
	return error_set(EFBIG, "%s: its file of %zu bytes (not of memory) is larger than "
			 "RLIMIT_FSIZE: create it with smaller limits", name, size);
}

int folder_file(const char *folder, const char *name, char path[PATH_MAX])
{
	struct state *s = &dlbind_state;
	bool restored = false;
	int fd;

	for (;;) {
		uint64_t n = __atomic_add_fetch(&s->serial, 1, __ATOMIC_RELAXED);

		if (snprintf(path, PATH_MAX, "%s/%s.%llu", folder ? folder : s->folder,
			     name, (unsigned long long)n) >= PATH_MAX)
			return error_set(ENAMETOOLONG, "%s: the path of its file is too "
					 "long: choose a shorter folder", name);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  0600);
		if (fd >= 0)
			return fd;
		if (errno == EEXIST)
			continue;
		/* Somebody has tidied up. */
		if (errno == ENOENT && !folder && !restored &&
		    mkdir(s->folder, 0700) == 0)
			restored = true;
		else
			return error_set(errno, "%s: cannot be made: %m: free space, or "
					 "name another folder%s", path,
					 s->loader.folder ? "" : " in DLBIND_FOLDER");
	}
}

void folder_keep(void)
{
	struct state *s = &dlbind_state;
	char mark[sizeof s->folder + sizeof KEEP_MARK];
	int fd;

	if (s->keep)
		return;
	snprintf(mark, sizeof mark, "%.511s/" KEEP_MARK, s->folder);
	fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	s->keep = true;
}

void folder_finish(void)
{
	struct state *s = &dlbind_state;

	if (s->folder[0] && !s->keep)
		private_remove(AT_FDCWD, s->folder, 1);
}
