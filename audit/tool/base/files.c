#include "tool/base/files.h"
#include "tool/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *from_here(const char *path)
{
	char cwd[PATH_MAX];
	size_t n;

	if (getcwd(cwd, sizeof cwd) == NULL)
		return path;
	n = strlen(cwd);
	if (strncmp(path, cwd, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return path;
	return path + n + (path[n] == '/');
}

char *folder_with(const char *folder, const char *name)
{
	char *at = realpath(folder, NULL), *slash;

	while (at != NULL) {
		char *file = format("%s/%s", at, name);
		bool there = file_exists(file);

		free(file);
		if (there)
			return at;
		slash = strrchr(at, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	free(at);
	return NULL;
}

static int close_with(int fd, int result)
{
	int e = errno;

	close(fd);
	errno = e;
	return result;
}

int read_file(const char *path, char **bytes, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t n = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return close_with(fd, -1);
	*bytes = allocate((size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, *bytes + n, (size_t)st.st_size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			free(*bytes);
			return close_with(fd, -1);
		}
		if (r == 0)
			break; /* it became shorter */
		n += (size_t)r;
	}
	*len = n;
	return close_with(fd, 0);
}

int write_file(const char *path, const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return -1;
	while (len > 0) {
		ssize_t w = write(fd, bytes, len);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return close_with(fd, -1);
		bytes += w;
		len -= (size_t)w;
	}
	return close(fd);
}

static int copy_bytes(int in, int out)
{
	char buf[65536];
	ssize_t n;

	/* In the kernel, which shares the blocks where it can ... */
	while ((n = copy_file_range(in, NULL, out, NULL, 1u << 30, 0)) > 0)
		;
	if (n == 0)
		return 0;
	/* ... and by hand between file systems that cannot. */
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	return n < 0 ? -1 : 0;
}

int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, r;

	if (in < 0)
		return -1;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (out < 0)
		return close_with(in, -1);
	r = copy_bytes(in, out);
	close_with(in, 0);
	return r != 0 ? close_with(out, -1) : close(out);
}

int make_dirs(const char *path)
{
	char *p = copy_text(path);
	int r = 0;

	for (char *s = p + 1; r == 0; s++) {
		if (*s != '/' && *s != '\0')
			continue;
		char c = *s;

		*s = '\0';
		if (mkdir(p, 0777) != 0 && errno != EEXIST)
			r = -1;
		*s = c;
		if (c == '\0')
			break;
	}
	free(p);
	return r;
}

int remove_tree(const char *path)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = 0;

	if (fts == NULL)
		return -1;
	while ((e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_D)
			continue;
		if (remove(e->fts_accpath) != 0 && errno != ENOENT)
			r = -1;
	}
	fts_close(fts);
	return r;
}

#define MARK ".goaudit"

int mark_folder(const char *path)
{
	static const char text[] = "made by goaudit, and removed by it\n";
	char *mark = format("%s/" MARK, path);
	int r = write_file(mark, text, sizeof text - 1, 0666);

	free(mark);
	return r;
}

bool is_marked(const char *path)
{
	char *mark = format("%s/" MARK, path);
	struct stat st;
	bool marked = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && lstat(mark, &st) == 0 &&
		      S_ISREG(st.st_mode);

	free(mark);
	return marked;
}

int replace_symlink(const char *target, const char *path)
{
	char *tmp = format("%s.%ld", path, (long)getpid());
	int r;

	unlink(tmp);
	r = symlink(target, tmp);
	if (r == 0)
		r = rename(tmp, path);
	if (r != 0)
		unlink(tmp);
	free(tmp);
	return r;
}

int remove_marked(const char *path)
{
	if (!file_exists(path))
		return 0;
	return is_marked(path) ? remove_tree(path) : -1;
}
