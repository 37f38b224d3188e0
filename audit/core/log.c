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
#include <time.h>
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

/* UTC, for gmtime_r reads files and takes locks.  Days are counted from 1 March of the
 * year 0 (proleptic), so that a leap day is a year's last. */
static int put_time(char *out, size_t size)
{
	struct timespec now;
	unsigned days, era, in_era, year, in_year, month, s;

	clock_gettime(CLOCK_REALTIME, &now);
	days = now.tv_sec / 86400 + 719468;
	s = now.tv_sec % 86400;
	era = days / 146097;
	in_era = days % 146097;
	year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	in_year = in_era - (365 * year + year / 4 - year / 100);
	month = (5 * in_year + 2) / 153;
	return snprintf(out, size, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
			era * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9,
			in_year - (153 * month + 2) / 5 + 1, s / 3600, s / 60 % 60, s % 60,
			(unsigned)(now.tv_nsec / 1000000));
}

void log_line(struct core *core, const char *format, ...)
{
	int saved = errno, n;
	char line[1024];
	va_list ap;

	if (!core->log.on)
		return;
	n = snprintf(line, sizeof line, "goaudit[%d] ", getpid());
	n += put_time(line + n, sizeof line - n);
	n += snprintf(line + n, sizeof line - n, ": ");
	va_start(ap, format);
	n += vsnprintf(line + n, sizeof line - n - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	write_line(&core->log, line, n);
	errno = saved;
}

void log_text(struct core *core, const char *subject, const char *text)
{
	for (size_t n; *text; text += n + (text[n] == '\n'), subject = "    ") {
		n = strcspn(text, "\n");
		if (n)
			log_line(core, "%s%.*s", subject, (int)n, text);
	}
}
