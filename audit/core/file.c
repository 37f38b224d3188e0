#include "core/file.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "goaudit.h"

int file_read_all(int fd, char *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1; /* an error, or the file has become shorter */
		done += n;
	}
	return 0;
}

char *file_read(int fd, size_t *size)
{
	struct stat st;
	char *data = NULL;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		data = malloc(st.st_size);
	if (!data)
		return NULL;
	*size = st.st_size;
	if (file_read_all(fd, data, *size) == 0)
		return data;
	free(data);
	return NULL;
}
