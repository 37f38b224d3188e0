/* Which runtime library belongs to a Go toolchain. */
#ifndef GOAUDIT_TOOL_RUNTIME_LOCATE_H
#define GOAUDIT_TOOL_RUNTIME_LOCATE_H

#include "tool/runtime/runtime.h"

/* The library of the go command; builds nothing.  Opens the cache.  runtime_free may be
 * called on any outcome. */
int runtime_locate(struct tool *t, struct runtime *rt);

#endif
