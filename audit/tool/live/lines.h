/* What a build says, with its files named as of where we were started: go build -C names them
 * as of its own folder, where no terminal or editor finds them. */
#ifndef GOAUDIT_TOOL_LIVE_LINES_H
#define GOAUDIT_TOOL_LIVE_LINES_H

#include "tool/base/text.h"

struct lines {
	int fd;           /* of a pipe, not blocking; -1: none */
	char *folder;     /* that the names begin in, "" or with a slash at its end */
	struct text text; /* of a line that is not complete */
};

/* Returns the end to write to, for a child that runs in this folder (absolute); -1: there is
 * none, and it says all by itself. */
int lines_open(struct lines *l, const char *folder);

/* Prints, to standard error, the lines that have come. */
void lines_read(struct lines *l);

/* Prints all until the last who has the other end is gone. */
void lines_finish(struct lines *l);

/* Prints what is left. */
void lines_close(struct lines *l);

#endif
