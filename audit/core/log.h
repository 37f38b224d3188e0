/* The log (GOAUDIT_LOG): a line for each thing that happens, to a file or to standard
 * error. */
#ifndef GOAUDIT_LOG_H
#define GOAUDIT_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct goaudit;

/* Constant once log_start has returned.  A host may close all descriptors, as daemons do,
 * and open files of its own under the same numbers: so each line looks first whether the
 * descriptor is still the log's, and goes to the file by its name where it is not. */
struct log {
	bool on;
	int fd;
	dev_t device;			/* what fd was opened as, */
	ino_t inode;
	int flags;			/* and how */
	char path[PATH_MAX];		/* "": standard error, or a file without a lasting name */
};

/* `where` as in GOAUDIT_LOG; NULL: no log. */
void log_start(struct log *log, const char *where);

/* Appends a line, when there is a log.  From any thread, with any lock, and in signal
 * handlers.  printf-like. */
void goaudit_log(struct goaudit *ga, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
