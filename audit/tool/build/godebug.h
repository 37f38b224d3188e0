/* GODEBUG settings in a guest's sources, which have no effect there. */
#ifndef GOAUDIT_TOOL_GODEBUG_H
#define GOAUDIT_TOOL_GODEBUG_H

#include "tool/build/goflags.h"

/* Warns of //go:debug lines of the main packages that are named by folder or file, and of
 * godebug lines in the go.mod that is theirs: the settings are those of the process. */
void godebug_warn(const struct goflags *g);

#endif
