#include "backing.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* For older kernels: FUTEX_WAKE_OP makes the kernel add 0 to a word of each page;
 * where we would get SIGBUS, it fails with EFAULT. */
static int touch(char *from, char *to)
{
	uint32_t none = 0;

	for (char *p = from; p < to; p += PAGE)
		if (syscall(SYS_futex, &none, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, p,
			    FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) < 0)
			return -1;
	return 0;
}

int backing_add(struct library *lib, size_t offset, size_t bytes)
{
	char *from = lib->alias + (offset & -PAGE);
	char *to = lib->alias + pages_up(offset + bytes);

	while (madvise(from, to - from, MADV_POPULATE_WRITE) != 0) {
		if (errno == EAGAIN || errno == EINTR)
			continue;
		if (errno == EINVAL && touch(from, to) == 0)
			break;
		return error_set(ENOSPC,
				 "%s: no memory for its file: free space in the "
				 "file system of %s",
				 lib->name, lib->path);
	}
	return 0;
}

void backing_remove(struct library *lib, size_t offset, size_t bytes)
{
	size_t from = pages_up(offset), to = (offset + bytes) & -PAGE;

	if (from < to)
		madvise(lib->alias + from, to - from, MADV_REMOVE);
}
