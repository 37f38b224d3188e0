/* The goaudit command's subcommands.
 *
 * A subcommand is one file, cmd_NAME.c, with one function, and one row in the
 * table in main.c. */
#ifndef GOAUDIT_TOOL_H
#define GOAUDIT_TOOL_H

#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/self.h"
#include "tool/base/text.h"

#ifndef GOAUDIT_VERSION
#define GOAUDIT_VERSION "0.1"
#endif

struct command {
	const char *name;
	const char *summary; /* one line for --help; NULL: not listed */
	/* argv[0] is "goaudit NAME", for messages. */
	int (*run)(struct tool *t, int argc, char **argv);
};

int cmd_runtime(struct tool *t, int argc, char **argv);
int cmd_build(struct tool *t, int argc, char **argv);
int cmd_bundle(struct tool *t, int argc, char **argv);
int cmd_init(struct tool *t, int argc, char **argv);
int cmd_inspect(struct tool *t, int argc, char **argv);
int cmd_status(struct tool *t, int argc, char **argv);
int cmd_run(struct tool *t, int argc, char **argv);
int cmd_reload(struct tool *t, int argc, char **argv);
int cmd_watch(struct tool *t, int argc, char **argv);
int cmd_dfly(struct tool *t, int argc, char **argv);
int cmd_toolexec(struct tool *t, int argc, char **argv);

#endif
