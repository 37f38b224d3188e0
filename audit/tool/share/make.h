/* Linking a package library. */
#ifndef GOAUDIT_TOOL_SHARE_MAKE_H
#define GOAUDIT_TOOL_SHARE_MAKE_H

#include "tool/share/link.h"

#include <stdbool.h>

/* Links those shared packages of l that no library has yet into folder/libgo-KEY.so, over
 * the runtime library of the link argv, with `list' in it and beside it.  0, or a status;
 * *why (to be freed) has the linker's words then, or is NULL. */
int make_library(const struct link *l, const char *folder, const char *key, const char *list,
		 char *const *argv, char **why);

/* Writes the configuration of a link over the libraries that packages are in. */
int make_config(const struct link *l, const char *path, bool library);

#endif
