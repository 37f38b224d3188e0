/* A host that runs while its guest is built anew at each save. */
#ifndef GOAUDIT_TOOL_LIVE_SESSION_H
#define GOAUDIT_TOOL_LIVE_SESSION_H

#include "tool/live/launch.h"

/* Builds the package, runs argv under the module, and builds the
 * package anew at each change; out NULL: the default name.  Returns the host's
 * exit status. */
int watch_and_run(struct tool *t, struct host_options *o, const char *package, const char *out,
		  char **argv);

#endif
