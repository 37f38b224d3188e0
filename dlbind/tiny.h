/* The smallest object there is. */
#ifndef DLBIND_TINY_H
#define DLBIND_TINY_H

#include <limits.h>
#include <stdint.h>

/* Makes its file in the process's folder; its constructor is `init`, an address of this
 * process (0: none).  -1 with the error set. */
int tiny_make(const char *name, uintptr_t init, char path[PATH_MAX]);

#endif
