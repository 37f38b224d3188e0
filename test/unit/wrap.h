/* Functions of libc that fail when a test says so.  The linker's --wrap leads their
 * callers here.  Who includes it has a function `bool fails(int code)`, which sets errno
 * if it is true. */
#ifndef TEST_WRAP_H
#define TEST_WRAP_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define WRAP(type, name, code, failure, parameters, arguments)            \
	type __real_##name parameters;                                    \
	type __wrap_##name parameters;                                    \
	type __wrap_##name parameters                                     \
	{                                                                 \
		return fails(code) ? (failure) : __real_##name arguments; \
	}
WRAP(void *, malloc, ENOMEM, NULL, (size_t n), (n))
WRAP(void *, calloc, ENOMEM, NULL, (size_t n, size_t m), (n, m))
WRAP(void *, realloc, ENOMEM, NULL, (void *p, size_t n), (p, n))
WRAP(char *, strdup, ENOMEM, NULL, (const char *s), (s))
WRAP(void *, mmap, ENOMEM, MAP_FAILED, (void *p, size_t n, int a, int b, int c, off_t o),
     (p, n, a, b, c, o))
WRAP(int, mprotect, ENOMEM, -1, (void *p, size_t n, int a), (p, n, a))
WRAP(int, ftruncate, ENOSPC, -1, (int fd, off_t n), (fd, n))
WRAP(ssize_t, write, ENOSPC, -1, (int fd, const void *p, size_t n), (fd, p, n))

#endif
