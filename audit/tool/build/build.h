/* go build for guests. */
#ifndef GOAUDIT_TOOL_BUILD_BUILD_H
#define GOAUDIT_TOOL_BUILD_BUILD_H

#include "tool/build/goflags.h"
#include "tool/runtime/runtime.h"

/* Builds the one package of g, and looks at the outcome as the module will.  0, or a
 * status after a message. */
int build_guest(struct tool *t, const struct runtime *rt, const struct goflags *g);

#endif
