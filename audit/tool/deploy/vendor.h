/* Package goaudit/guest as a part of the user's own module. */
#ifndef GOAUDIT_TOOL_DEPLOY_VENDOR_H
#define GOAUDIT_TOOL_DEPLOY_VENDOR_H

#include "tool/base/self.h"

/* Copies it, as a module of its own, into a folder of the module that `folder` is in, and has
 * go.mod require it from there; a copy of ours is replaced.  Returns an exit status. */
int vendor_package(struct tool *t, const char *folder);

#endif
