/* What a compiled Go package says of itself: a file PKG.a. */
#ifndef GOAUDIT_TOOL_SHARE_ARCHIVE_H
#define GOAUDIT_TOOL_SHARE_ARCHIVE_H

#include "tool/base/text.h"

/* Reads an archive's content ID (to be freed; the second half of its build ID) and the
 * import paths of the packages that it needs.  0, or a status after a message. */
int archive_read(const char *path, char **content, struct list *imports);

#endif
