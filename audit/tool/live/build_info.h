/* The build information of a Go guest that a process has loaded. */
#ifndef GOAUDIT_TOOL_BUILD_INFO_H
#define GOAUDIT_TOOL_BUILD_INFO_H

#include <sys/types.h>

/* What runtime/debug.ReadBuildInfo goes by in it (`go version -m'), from its snapshot; NULL:
 * there is none, or the snapshot is gone.  To be freed. */
char *live_build_info(pid_t pid, const char *snapshot);

#endif
