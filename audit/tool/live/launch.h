/* Starting a program under the audit module. */
#ifndef GOAUDIT_TOOL_HOST_H
#define GOAUDIT_TOOL_HOST_H

#include "tool/base/self.h"
#include "tool/base/text.h"

#include <stdint.h>

struct host_options {
	struct list globs; /* --reloadable */
	const char *log;   /* --log; NULL: as the environment says */
	bool here_only;    /* --here-only: its children run without the module */
	uint64_t tls;      /* found by host_check: of what it is linked to, preloads */
};

/* The file that execvp would execute; to be freed; NULL: there is none. */
char *find_program(const char *name);

/* Finds the program in PATH, and checks that it and this system can do it: one
 * line on standard error for what cannot, or will not, work.  0, or the exit
 * status to end with: 126 cannot be run so, 127 not found, as in a shell.
 * *path is to be freed. */
int host_check(struct tool *t, struct host_options *o, const char *name, char **path);

/* Sets LD_AUDIT and goaudit's variables in this process's environment, for what
 * is executed next. */
int host_environment(struct tool *t, const struct host_options *o);

/* The value of --log for GOAUDIT_LOG; NULL stands for standard error. */
const char *host_log(const char *file);

#endif
