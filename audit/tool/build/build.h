/* Building guests: what cmd_build.c and build_many.c share. */
#ifndef GOAUDIT_TOOL_BUILD_H
#define GOAUDIT_TOOL_BUILD_H

#include "tool/build/goflags.h"
#include "tool/runtime/runtime.h"

/* cmd_build.c: builds the one package of g. */
int build_guest(struct tool *t, const struct runtime *rt, const struct goflags *g);

/* build_many.c: builds all main packages that g names, patterns like ./...
 * among them; the output, if one is given, is then a folder. */
int build_many(struct tool *t, const struct runtime *rt, struct goflags *g);

/* build_many.c: what inspect has to say of a guest that has been built.  0, or
 * STATUS_FAILED where it would not reload. */
int build_cross_check(const char *out);

#endif
