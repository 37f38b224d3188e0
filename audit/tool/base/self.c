#include "tool/base/self.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"
#include "core/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef GOAUDIT_LIB_FROM_BIN
#define GOAUDIT_LIB_FROM_BIN "../lib"
#endif
#define PRIVATE_FOLDER "goaudit" /* in LIBDIR: what nobody else links with */

/* In the build tree beside this program, in an installed one in LIBDIR, which
 * is known by its way from BINDIR: the whole may have been moved. */
static char *find_part(const char *dir, const char *built, const char *installed)
{
	char *path = format("%s/%s", dir, built), *real;

	if (!file_exists(path)) {
		free(path);
		path = format("%s/" GOAUDIT_LIB_FROM_BIN "%s", dir, installed);
	}
	real = realpath(path, NULL);
	free(path);
	return real;
}

int tool_open(struct tool *t)
{
	char path[4096], *dir, *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n < 0)
		return tool_error("/proc/self/exe: %s: mount /proc", strerror(errno));
	path[n] = '\0';
	t->exe = copy_text(path);
	dir = path;
	slash = strrchr(dir, '/');
	*slash = '\0';
	t->overlay = find_part(dir, "overlay", "/" PRIVATE_FOLDER "/overlay");
	t->program = find_part(dir, "exe", "/" PRIVATE_FOLDER "/exe");
	t->linker = find_part(dir, "linker", "/" PRIVATE_FOLDER "/linker");
	t->guest = find_part(dir, "guest", "/" PRIVATE_FOLDER "/guest");
	t->dfly = find_part(dir, "goaudit-dfly", "/" PRIVATE_FOLDER "/goaudit-dfly");
	t->module = find_part(dir, "libgoaudit.so", "/libgoaudit.so");
	t->go = getenv("GO");
	if (t->go == NULL || *t->go == '\0')
		t->go = "go";
	t->tty = isatty(2);
	return STATUS_OK;
}

int tool_open_cache(struct tool *t)
{
	const char *own = getenv("GOAUDIT_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char path[PATH_MAX], *real;

	if (!path_cache(path, sizeof path, own, xdg, home))
		return tool_error(
			"cache folder: HOME is not set or too long: set GOAUDIT_CACHE");
	if (make_dirs(path) != 0 || (real = realpath(path, NULL)) == NULL)
		return tool_error("%s: %s: set GOAUDIT_CACHE to a folder that can be written",
				  path, strerror(errno));
	t->cache = real;
	return STATUS_OK;
}

void tool_close(struct tool *t)
{
	free(t->exe);
	free(t->cache);
	free(t->overlay);
	free(t->program);
	free(t->linker);
	free(t->guest);
	free(t->module);
	free(t->dfly);
	*t = (struct tool){ 0 };
}
