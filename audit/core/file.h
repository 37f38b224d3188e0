
#ifndef GOAUDIT_CORE_FILE_H
#define GOAUDIT_CORE_FILE_H

#include <stddef.h>

/* Reads the first `size` bytes; -1: an error, or there are fewer. */
int file_read_all(int fd, char *to, size_t size);

/* All of an open file, to be freed; NULL: empty, unreadable, or no memory.  Not a
 * mapping: the file may be truncated while we look. */
char *file_read(int fd, size_t *size);

#endif
