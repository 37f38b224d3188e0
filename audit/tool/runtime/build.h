/* Building the shared Go runtime library. */
#ifndef GOAUDIT_TOOL_RUNTIME_BUILD_H
#define GOAUDIT_TOOL_RUNTIME_BUILD_H

#include "tool/runtime/runtime.h"

enum runtime_said {
	RUNTIME_QUIET,    /* progress on a terminal only */
	RUNTIME_ANNOUNCE, /* one line before a build, also into a pipe */
};

/* Builds it unless it is there; rt is runtime_locate's. */
int runtime_ensure(struct tool *t, struct runtime *rt, enum runtime_said said);

#endif
