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

/* What of an absolute path is to be said here: from the current folder on where it lies below
 * that, "" for the folder itself; else all of it.  A part of `path`. */
const char *from_here(const char *path);

/* `folder` or the nearest above it that has a file of this name, malloc'ed; NULL: none. */
char *folder_with(const char *folder, const char *name);

/* Marks a folder of the cache that goaudit has made: what has no mark, and is no runtime
 * library, is somebody else's, and never removed. */
int mark_folder(const char *path);
bool is_marked(const char *path);

/* Removes a marked folder, if there is one.  -1: what is there is not ours, or errno is set. */
int remove_marked(const char *path);

#endif
