/* A host that runs while its guest is built anew at each save. */
#ifndef GOAUDIT_TOOL_LIVE_SESSION_H
#define GOAUDIT_TOOL_LIVE_SESSION_H

#include "tool/base/text.h"
#include "tool/live/launch.h"

struct watch_options {
	const char *package; /* the guest's folder */
	const char *out;     /* the guest; NULL: the default name */
	const char
		*program;  /* the folder of the host's own Go package; NULL: not to be built */
	struct list flags; /* of go build, for both */
};

/* Builds the guest, runs argv under the module, and builds the guest anew at each change.
 * While the first one does not succeed, it waits for the next change.  A build over another
 * build of a package that the host shares with it, which the host refuses, restarts the host,
 * and so does a change of the host's own sources.  Returns the host's exit status. */
int watch_and_run(struct tool *t, struct host_options *o, const struct watch_options *w,
		  char **argv);

#endif
