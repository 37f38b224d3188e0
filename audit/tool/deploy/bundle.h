/* A folder with all that a program and its guests need where there is no Go and no goaudit. */
#ifndef GOAUDIT_TOOL_DEPLOY_BUNDLE_H
#define GOAUDIT_TOOL_DEPLOY_BUNDLE_H

#include "tool/base/self.h"
#include "tool/base/text.h"

#include <stdbool.h>

struct bundle_options {
	const char *folder;
	const char *program;
	struct list guests;
	bool strip; /* without debug information */
	bool glibc; /* a root of its own: ld.so, libc and all other libraries, too */
};

/* Makes the folder, or replaces one that it has made.  Returns an exit status; on a failure
 * nothing has changed. */
int bundle_make(struct tool *t, const struct bundle_options *o);

#endif
