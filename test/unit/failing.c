/* Part of the module that tests use: its system calls and allocations fail when a test
 * says so.  The linker wraps them (Makefile).
 *
 * GOAUDIT_TEST_FAILING names a file of at least one struct failing, which the host of
 * the test maps, too. */
#include "failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static struct failing *failing;

__attribute__((constructor)) static void map_failing(void)
{
	const char *name = secure_getenv("GOAUDIT_TEST_FAILING");
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd >= 0 ? mmap(NULL, sizeof *failing, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				 0) :
			    MAP_FAILED;

	if (fd >= 0)
		close(fd);
	if (p != MAP_FAILED)
		failing = p;
}

/* Only calls of the thread in question count. */
static bool fails(int code)
{
	if (!failing || failing->thread != gettid() || failing->calls < 0 ||
	    failing->calls-- > 0)
		return false;
	errno = code;
	return true;
}

#include "wrap.h"

WRAP(int, fstat, EIO, -1, (int fd, struct stat *st), (fd, st))
WRAP(ssize_t, read, EIO, -1, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, pread, EIO, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(void *, dlmopen, ENOMEM, NULL, (Lmid_t ns, const char *p, int m), (ns, p, m))

#define WRAP_OPEN(name, parameters, arguments)                       \
	int __real_##name parameters;                                \
	int __wrap_##name parameters;                                \
	int __wrap_##name parameters                                 \
	{                                                            \
		int mode = 0;                                        \
		va_list ap;                                          \
		va_start(ap, flags);                                 \
		if (flags & (O_CREAT | O_TMPFILE))                   \
			mode = va_arg(ap, int);                      \
		va_end(ap);                                          \
		return fails(EMFILE) ? -1 : __real_##name arguments; \
	}
WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
