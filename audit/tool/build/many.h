/* Several guests by one command. */
#ifndef GOAUDIT_TOOL_BUILD_MANY_H
#define GOAUDIT_TOOL_BUILD_MANY_H

#include "tool/build/goflags.h"
#include "tool/runtime/runtime.h"

/* Builds all main packages that g names, patterns like ./... among them; the output, if
 * one is given, is then a folder. */
int build_many(struct tool *t, const struct runtime *rt, struct goflags *g);

#endif
