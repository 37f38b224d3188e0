/* Files and folders. */
#ifndef GOAUDIT_TOOL_BASE_FILES_H
#define GOAUDIT_TOOL_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* All return 0, or -1 with errno set. */
int read_file(const char *path, char **bytes, size_t *len); /* NUL added */
int write_file(const char *path, const char *bytes, size_t len, mode_t mode);
int copy_file(const char *from, const char *to);
int make_dirs(const char *path);
int remove_tree(const char *path);
int replace_symlink(const char *target, const char *path); /* atomically */
bool file_exists(const char *path);

/* `folder` or the nearest above it that has a file of this name, malloc'ed; NULL: none. */
char *folder_with(const char *folder, const char *name);

/* Marks a folder of the cache that goaudit has made: what has no mark, and is no runtime
 * library, is somebody else's, and never removed. */
int mark_folder(const char *path);
bool is_marked(const char *path);

#endif
