#include "loader/rest.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* "LO-HI rwxp OFFSET DEVICE INODE      PATH": does the line name the file? */
static bool parse(const char *line, const char *file, uintptr_t *lo, size_t *size)
{
	const char *path = strchr(line, '/');
	char *end;

	if (!path || strcmp(path, file) != 0)
		return false;
	*lo = strtoul(line, &end, 16);
	if (*end != '-')
		return false;
	*size = strtoul(end + 1, NULL, 16) - *lo;
	return true;
}

/* The first range that is mapped of it. */
static bool find(const char *file, char *buffer, size_t room, uintptr_t *lo, size_t *size)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	bool found = false;
	char *line, *end;
	ssize_t n;

	while (fd >= 0 && !found && (n = read(fd, buffer + have, room - 1 - have)) > 0) {
		have += n;
		buffer[have] = 0;
		for (line = buffer; !found && (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			found = parse(line, file, lo, size);
		}
		have = strlen(line);
		memmove(buffer, line, have);
	}
	if (fd >= 0)
		close(fd);
	return found;
}

void rest_unmap(const char *file)
{
	size_t room = (size_t)2 * PATH_MAX, size;
	char *buffer = malloc(room);
	uintptr_t lo;

	while (buffer && find(file, buffer, room, &lo, &size) && munmap((void *)lo, size) == 0)
		;
	free(buffer);
}
