/* The package libraries of a process. */
#ifndef GOAUDIT_TOOL_LIVE_PACKAGES_H
#define GOAUDIT_TOOL_LIVE_PACKAGES_H

#include "tool/base/text.h"

#include <stdbool.h>
#include <sys/types.h>

struct live_library {
	char *path;
	struct list packages; /* "PATH VERSION ID" */
};

struct live_libraries {
	struct live_library *item;
	size_t n;
};

/* What is mapped in the process; what cannot be read has no packages. */
void live_libraries(pid_t pid, struct live_libraries *out);
void live_libraries_free(struct live_libraries *l);

/* Is a guest's new build over another build of a package than the old one, so that a process
 * that has run the old one refuses it?  text has the reason, in the module's words. */
bool live_clash(const char *old, const char *new, char *text, size_t size);

#endif
