/* The libraries in the cache, of any toolchain. */
#ifndef GOAUDIT_TOOL_RUNTIME_CACHED_H
#define GOAUDIT_TOOL_RUNTIME_CACHED_H

#include "tool/base/self.h"
#include "tool/base/text.h"

/* Their keys, finished or not. */
void cached_keys(const struct tool *t, struct list *keys);

/* The key of the go command in PATH (to be freed); NULL, silently, where there is none. */
char *cached_current(struct tool *t);

/* All of them, on standard output. */
int cached_print(struct tool *t, bool json);

int cached_remove(const struct tool *t, const char *key);

#endif
