/* Where the libraries' files are made: a folder of this process in a folder of
 * this user, which nobody else can enter.
 *
 *	ROOT/dlbind-PID.STARTTIME/NAME.N
 *
 * It is removed by its last user at exit (private.h).  What a process that has crashed
 * leaves is wanted by who reads its core dump, so the last few of those folders stay;
 * older ones are removed by the next process that makes a library.  A process that can no
 * longer use its folder, for it has given up its privileges or changed its root, makes
 * another one. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "private.h"

/* How many processes' leavings are kept. */
#define LEAVINGS 4

#define KIND "dlbind"

static bool choose_root(char *root, size_t size)
{
	const char *asked = secure_getenv("DLBIND_FOLDER");

	if (asked && asked[0]) {
		/* No second choice. */
		if ((size_t)snprintf(root, size, "%s", asked) < size && asked[0] == '/')
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
	struct stat st;
	int claim;

	if (strlen(name) >= sizeof l->name)
		return false;
	claim = private_claim(at, name, KIND);
	if (claim < 0)
		return false;
	close(claim);
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	strcpy(l->name, name);
	l->changed = st.st_mtim;
	return true;
}

static bool newer(const struct leaving *a, const struct leaving *b)
{
	return a->changed.tv_sec != b->changed.tv_sec ? a->changed.tv_sec > b->changed.tv_sec :
							a->changed.tv_nsec > b->changed.tv_nsec;
}

static void collect(const char *root)
{
	struct leaving kept[LEAVINGS], l, old;
	unsigned n = 0;
	struct dirent *e;
	DIR *dir = opendir(root);
	int claim;

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
		else if ((claim = private_claim(dirfd(dir), l.name, KIND)) >= 0)
			private_discard(dirfd(dir), l.name, claim);
	}
	if (dir)
		closedir(dir);
}

int folder_accept(const char *path)
{
	if (private_folder(path))
		return 0;
	return error_set(errno,
			 "%s: not a folder that only this user can enter and map "
			 "code from: %m: name another one",
			 path);
}

int folder_prepare(void)
{
	struct state *s = &dlbind_state;
	struct private_own *own;
	char root[400];

	if (!choose_root(root, sizeof root))
		return error_set(errno,
				 "%s: no folder that only this user can enter "
				 "and map code from: %m: name one in DLBIND_FOLDER",
				 root);
	collect(root);
	own = private_make(root, KIND);
	if (!own)
		return error_set(errno,
				 "%s: no folder can be made there: %m: free space, or "
				 "name another one in DLBIND_FOLDER",
				 root);
	own->next = s->own;
	s->own = own;
	__atomic_store_n(&s->folder, own->path, __ATOMIC_RELEASE);
	return 0;
}

int folder_given(void)
{
	struct state *s = &dlbind_state;
	const char *folder = s->loader.folder();

	if (!folder)
		return error_set(errno, "dlcreate: no folder for its "
					"file: %m: free space, or name another one");
	__atomic_store_n(&s->folder, folder, __ATOMIC_RELEASE);
	return 0;
}

/* The folder is gone, or out of the process's reach: another one. */
static bool choose_anew(const char *lost)
{
	struct state *s = &dlbind_state;
	bool done;

	if (s->loader.folder)
		return folder_given() == 0;
	pthread_rwlock_wrlock(&s->lock);
	done = s->folder != lost || folder_prepare() == 0;
	pthread_rwlock_unlock(&s->lock);
	return done;
}

int folder_allows(const char *name, size_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || size <= limit.rlim_cur)
		return 0;
	return error_set(EFBIG,
			 "%s: its file of %zu bytes (not of memory) is larger than "
			 "RLIMIT_FSIZE: create it with smaller limits",
			 name, size);
}

/* The one for new files: who has become another user does not map what the last one
 * could exchange. */
static const char *current_folder(void)
{
	struct state *s = &dlbind_state;
	const char *folder = __atomic_load_n(&s->folder, __ATOMIC_ACQUIRE);
	struct stat st;

	if (lstat(folder, &st) == 0 && st.st_uid != geteuid())
		choose_anew(folder);
	return __atomic_load_n(&s->folder, __ATOMIC_ACQUIRE);
}

int folder_file(const char *folder, const char *name, char path[PATH_MAX])
{
	struct state *s = &dlbind_state;
	bool chosen = false;
	int fd;

	for (;;) {
		const char *own = current_folder();
		uint64_t n = __atomic_add_fetch(&s->serial, 1, __ATOMIC_RELAXED);

		if (snprintf(path, PATH_MAX, "%s/%s.%llu", folder ? folder : own, name,
			     (unsigned long long)n) >= PATH_MAX)
			return error_set(ENAMETOOLONG,
					 "%s: the path of its file is too "
					 "long: choose a shorter folder",
					 name);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno == EEXIST)
			continue;
		if (folder || chosen ||
		    (errno != ENOENT && errno != EACCES && errno != EPERM && errno != EROFS))
			return error_set(errno,
					 "%s: cannot be made: %m: free space, or "
					 "name another folder%s",
					 path, s->loader.folder ? "" : " in DLBIND_FOLDER");
		chosen = true;
		if (!choose_anew(own))
			return -1;
	}
}

void folder_keep(void)
{
	/* Of several the newest has the file. */
	if (dlbind_state.own)
		private_keep(dlbind_state.own);
}

void folder_finish(void)
{
	private_finish(dlbind_state.own, KIND);
}
