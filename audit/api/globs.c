#include "api/globs.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "api/goaudit.h"
#include "core/core.h"
#include "core/log.h"
#include "core/path.h"
#include "goaudit.h"

/* Is it PREFIX of n bytes, then "/lib...", which may be of another processor
 * ("/lib64"), and then something in it? */
static bool in_lib_of(const char *path, const char *prefix, size_t n)
{
	const char *lib = path + n, *end;

	if (strncmp(path, prefix, n) != 0 || strncmp(lib, "/lib", 4) != 0)
		return false;
	end = strchr(lib + 1, '/');
	lib += 4;
	if (!end)
		return false;
	return end == lib || strspn(lib, "0123456789x") == (size_t)(end - lib) ||
	       strncmp(lib, "exec/", 5) == 0;
}

bool globs_is_system(const char *path)
{
	static const char *const prefixes[] = { "", "/usr", "/usr/local" };

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (in_lib_of(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return strncmp(path, "/libx32/", 8) == 0;
}

bool globs_is_of_program(const char *path, const char *program)
{
	const char *name = strrchr(program, '/'), *bin;

	if (!name || name == program)
		return false;
	for (bin = name - 1; bin > program && *bin != '/';)
		bin--;
	if (strncmp(bin, "/bin/", 5) != 0 && strncmp(bin, "/sbin/", 6) != 0)
		return false;
	return in_lib_of(path, program, bin - program);
}

bool globs_is_suffix(const char *glob)
{
	const char *last = strrchr(glob, '/');

	if (strspn(glob, "*?/") < (size_t)(last ? last + 1 - glob : 0))
		return false;
	return (last ? last[1] : glob[0]) == '*';
}

static bool matches(const char *glob, const char *path)
{
	return fnmatch(glob, path, 0) == 0 || fnmatch(glob, path_base(path), 0) == 0;
}

static bool is_of_host(const char *path)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n <= 0)
		return false;
	program[n] = 0;
	return globs_is_of_program(path, program);
}

bool globs_match(const char *globs, const char *path)
{
	for (const char *g = globs; g && *g; g += strlen(g) + 1)
		if (matches(g, path))
			return true;
	return false;
}

bool globs_mean(struct goaudit *ga, const char *path)
{
	bool matched = false;

	for (const char *g = ga->core.settings.reloadable; g && *g; g += strlen(g) + 1) {
		if (!matches(g, path))
			continue;
		if (!globs_is_suffix(g))
			return true;
		matched = true;
	}
	if (!matched || (!globs_is_system(path) && !is_of_host(path)))
		return matched;
	log_line(&ga->core,
		 "%s: not opened as reloadable: it belongs to the system or to the "
		 "program's installation, and GOAUDIT_RELOADABLE names an ending only: "
		 "name its folder there",
		 path);
	return false;
}
