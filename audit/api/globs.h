/* GOAUDIT_RELOADABLE: which files are opened as reloadable without the flag; and the globs of
 * other settings. */
#ifndef GOAUDIT_API_GLOBS_H
#define GOAUDIT_API_GLOBS_H

#include <stdbool.h>

struct goaudit;

/* Does a glob mean this file, by its path or by its last part?  One that names no more
 * than an ending ("*.so") means neither libraries of the system's folders nor those of
 * the host's own installation: they may look for themselves in the link map, and nobody
 * wants them reloaded. */
bool globs_mean(struct goaudit *ga, const char *path);

/* Does one of these globs mean the file, by its path or by its last part?  globs: each with its
 * NUL, and one more NUL; NULL: none. */
bool globs_match(const char *globs, const char *path);

/* In a folder of libraries of the system's, of any processor: /lib, /usr/lib64, ... */
bool globs_is_system(const char *path);

/* In a folder PREFIX/lib... of a program PREFIX/bin/NAME? */
bool globs_is_of_program(const char *path, const char *program);

/* Does it name no more than an ending? */
bool globs_is_suffix(const char *glob);

#endif
