#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/core.h"
#include "goaudit.h"

/* A number that hosts do not count on: what they open first is 3. */
#define LEAST_FD 200

#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY)

static void move_up(struct log *log)
{
	int up = fcntl(log->fd, F_DUPFD_CLOEXEC, LEAST_FD);

	if (up < 0)
		return; /* the limit of descriptors is low */
	close(log->fd);
	log->fd = up;
}

void log_start(struct log *log, const char *where)
{
	struct stat st;

	if (!where)
		return;
	log->fd = STDERR_FILENO;
	if (strchr(where, '/')) {
		log->fd = open(where, OPEN_FLAGS, 0600);
		if (log->fd < 0)
			return;
		move_up(log);
		if (!realpath(where, log->path))
			log->path[0] = 0;
	}
	log->flags = fcntl(log->fd, F_GETFL);
	if (log->flags < 0 || fstat(log->fd, &st) != 0)
		return;
	log->device = st.st_dev;
	log->inode = st.st_ino;
	log->on = true;
}

/* Flags of standard error are shared with other processes, which may change them. */
static bool is_still_ours(const struct log *log)
{
	struct stat st;

	return fstat(log->fd, &st) == 0 && st.st_dev == log->device &&
	       st.st_ino == log->inode &&
	       (log->fd == STDERR_FILENO || fcntl(log->fd, F_GETFL) == log->flags);
}

/* Not stdio: what stands in the auditor's buffers at exit is lost. */
static void write_line(const struct log *log, const char *line, size_t n)
{
	int fd = log->fd;

	if (!is_still_ours(log)) {
		if (!log->path[0])
			return;
		fd = open(log->path, OPEN_FLAGS | O_NOFOLLOW, 0600);
		if (fd < 0)
			return;
	}
	if (write(fd, line, n) < 0)
		n = 0; /* a full disk must not stop the host */
	if (fd != log->fd)
		close(fd);
}

void log_line(struct core *core, const char *format, ...)
{
	int saved = errno, n;
	char line[1024];
	va_list ap;

	if (!core->log.on)
		return;
	n = snprintf(line, sizeof line, "goaudit[%d]: ", getpid());
	va_start(ap, format);
	n += vsnprintf(line + n, sizeof line - n - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	write_line(&core->log, line, n);
	errno = saved;
}
