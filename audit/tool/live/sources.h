/* Which folders a guest is made from, and their changes. */
#ifndef GOAUDIT_TOOL_WATCH_H
#define GOAUDIT_TOOL_WATCH_H

#include "tool/base/self.h"
#include "tool/base/text.h"

#include <stdbool.h>

struct watched {
	int wd; /* inotify's number */
	char *path;
	bool embedded; /* it is watched only since a file in it is embedded */
};

struct watch {
	int fd;                 /* inotify, non-blocking; readable after a change */
	const char *package;    /* folder of the main package */
	struct watched *folder; /* those watched */
	size_t n;
	struct list embedded; /* files, and the patterns that name them */
	struct list ignored;  /* names of files that do not count */
};

int watch_open(struct watch *w, const char *package);

/* Asks the go command for the folders of all packages that the guest is made
 * from, but for the standard library and the module cache; new ones are
 * watched from now on. */
void watch_update(struct tool *t, struct watch *w);

/* Takes what has happened; has a file changed that counts? */
bool watch_changed(struct watch *w);
void watch_close(struct watch *w);

#endif
