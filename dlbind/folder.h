/* Where the libraries' files are made. */
#ifndef DLBIND_FOLDER_H
#define DLBIND_FOLDER_H

#include <limits.h>

#include "state.h"

/* Makes an empty file for us alone, named after `name`, in `folder` or the
 * process's own.  Returns a descriptor and its path, or -1 with the error set. */
int folder_file(const char *folder, const char *name, char path[PATH_MAX]);
/* May a file be that large?  Beyond RLIMIT_FSIZE, ftruncate(2) and write(2) raise a
 * signal.  -1 with the error set. */
int folder_allows(const char *name, size_t size);
/* Before the first call of folder_file in a process; state.folder is set.
 * -1 with the error set. */
int folder_prepare(void);
/* The same with the embedder's. */
int folder_given(void);
/* Makes `path`, or accepts it if it is a folder that only this user can enter and
 * map code from.  -1 with the error set. */
int folder_accept(const char *path);
void folder_keep(void); /* nobody removes the folder */
void folder_finish(void);

#endif
