/* Files with debug information beside the user's file.
 *
 * What .gnu_debuglink names is looked for by debuggers beside the object that is mapped, and
 * in .debug there; a .dwp file beside it, too.  That object is a snapshot: so its folder gets
 * symbolic links to the files that belong to the user's.  A build replaces those, and
 * debuggers compare a checksum: an older generation then has none any more. */
#ifndef GOAUDIT_GUEST_DEBUG_FILES_H
#define GOAUDIT_GUEST_DEBUG_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "image/image.h"

/* The file that .gnu_debuglink means for the object at `path`; false: there is none.
 * Without locks, as is the other one. */
bool debug_files_find(const struct image_facts *facts, const char *path, char *out,
		      size_t size);

/* Links them into the snapshot's folder. */
void debug_files_link(const struct image_facts *facts, const char *path, const char *snapshot);

#endif
