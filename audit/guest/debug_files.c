#include "core/path.h"
#include "guest/debug_files.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"

/* Where gdb looks (gdb/symfile.c, find_separate_debug_file): with the object's folder. */
static const char *const places[] = { "", "/.debug", NULL };
#define GLOBAL_PLACE "/usr/lib/debug"

static bool is_file(const char *path, size_t wanted, size_t size)
{
	return wanted < size && access(path, R_OK) == 0;
}

bool debug_files_find(const struct image_facts *facts, const char *path, char *out, size_t size)
{
	int folder = (int)path_folder(path);
	size_t n;

	if (!facts->debug_link[0] || strcmp(path + folder + 1, facts->debug_link) == 0)
		return false;
	for (unsigned i = 0; places[i]; i++) {
		n = snprintf(out, size, "%.*s%s/%s", folder, path, places[i],
			     facts->debug_link);
		if (is_file(out, n, size))
			return true;
	}
	n = snprintf(out, size, GLOBAL_PLACE "%.*s/%s", folder, path, facts->debug_link);
	return is_file(out, n, size);
}

/* Without one, the debugger finds what it would find without. */
static void link_beside(const char *snapshot, const char *name, const char *target)
{
	int folder = (int)path_folder(snapshot);
	char at[PATH_MAX];

	if ((size_t)snprintf(at, sizeof at, "%.*s/%s", folder, snapshot, name) >= sizeof at ||
	    symlink(target, at) != 0)
		return;
}

void debug_files_link(const struct image_facts *facts, const char *path, const char *snapshot)
{
	char target[PATH_MAX], name[NAME_MAX + 1];
	size_t n;

	if (debug_files_find(facts, path, target, sizeof target))
		link_beside(snapshot, facts->debug_link, target);
	if (!facts->has_debug_info)
		return;
	n = snprintf(target, sizeof target, "%s.dwp", path);
	if (!is_file(target, n, sizeof target))
		return;
	n = snprintf(name, sizeof name, "%s.dwp", path_base(path));
	if (n < sizeof name)
		link_beside(snapshot, name, target);
}
