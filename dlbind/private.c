#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum life { DEAD, ALIVE, UNKNOWN };

/* *start is 0 unless it is known that the process lives. */
static enum life look_at(long pid, unsigned long long *start)
{
	char name[64], text[1024], *p;
	int fd, fields = 0;
	ssize_t n;

	*start = 0;
	snprintf(name, sizeof name, "/proc/%ld/stat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)	/* no descriptor left, say, or no /proc */
		return kill(pid, 0) == 0 || errno == EPERM ? UNKNOWN : DEAD;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return DEAD;
	text[n] = 0;
	/* The name, field 2, may hold anything, so count from its closing bracket. */
	p = strrchr(text, ')');
	if (p && (p[2] == 'Z' || p[2] == 'X'))
		return DEAD;	/* only nobody has waited for it yet */
	while (p && fields < 20) {
		p = strchr(p + 1, ' ');
		fields++;
	}
	if (!p)
		return UNKNOWN;
	*start = strtoull(p, NULL, 10);
	return ALIVE;
}

unsigned long long private_start_of(long pid)
{
	unsigned long long start;

	look_at(pid, &start);
	return start;
}

bool private_may_live(const char *name)
{
	unsigned long long start, named;
	char *end;
	long pid = strtol(name, &end, 10);

	if (pid <= 0 || *end != '.')
		return false;
	named = strtoull(end + 1, NULL, 10);
	switch (look_at(pid, &start)) {
	case ALIVE:
		return !named || named == start;
	case UNKNOWN:
		return true;
	default:
		return false;
	}
}

bool private_folder(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return false;
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_mode & 077) {
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

	if (run && run[0] == '/' &&
	    (size_t)snprintf(root, size, "%s/%s", run, name) < size &&
	    private_folder(root))
		return true;
	snprintf(root, size, "/dev/shm/%s-%u", name, geteuid());
	if (private_folder(root))
		return true;
	snprintf(root, size, "/tmp/%s-%u", name, geteuid());
	return private_folder(root);
}

void private_remove(int at, const char *name, unsigned depth)
{
	struct dirent *e;
	DIR *dir;
	int fd;

	if (unlinkat(at, name, 0) == 0 || depth == 0)
		return;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			private_remove(fd, e->d_name, depth - 1);
	closedir(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}
