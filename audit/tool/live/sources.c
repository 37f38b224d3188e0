/* Watching the sources of a guest. */
#include "tool/live/sources.h"
#include "core/path.h"
#include "tool/base/child.h"
#include "tool/base/error.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A file counts when its writer closes it, or when it takes another's place. */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

/* "f" the folder and the module's root (go.mod), "e" embedded files, "p" the
 * patterns that name them. */
#define LIST_FORMAT                                                         \
	"{{if not .Standard}}f{{.Dir}}\n{{with .Module}}f{{.Dir}}\n{{end}}" \
	"{{range .EmbedFiles}}e{{$.Dir}}/{{.}}\n{{end}}"                    \
	"{{range .EmbedPatterns}}p{{$.Dir}}/{{.}}\n{{end}}{{end}}"

static void add_folder(struct watch *w, const char *folder, bool embedded)
{
	struct watched *more;
	int wd;

	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->folder[i].path, folder) == 0)
			return;
	wd = inotify_add_watch(w->fd, folder, EVENTS);
	more = wd >= 0 ? realloc(w->folder, (w->n + 1) * sizeof *more) : NULL;
	if (more == NULL)
		return;
	w->folder = more;
	w->folder[w->n++] = (struct watched){ wd, copy_text(folder), embedded };
}

int watch_open(struct watch *w, const char *package)
{
	*w = (struct watch){ .package = package };
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd >= 0)
		add_folder(w, package, false);
	if (w->n == 0)
		return tool_error("%s: cannot be watched: %s", package, strerror(errno));
	return STATUS_OK;
}

void watch_update(struct tool *t, struct watch *w)
{
	char *argv[] = { (char *)(uintptr_t)t->go,
			 "-C",
			 (char *)(uintptr_t)w->package,
			 "list",
			 "-deps",
			 "-e",
			 "-f",
			 LIST_FORMAT,
			 NULL };
	char *out = child_output(argv), *line, *rest = out;

	if (out != NULL)
		list_free(&w->embedded);
	while (out != NULL && (line = strsep(&rest, "\n")) != NULL) {
		char *path = line + 1;

		/* The module cache is read-only: nothing changes there. */
		if (*line == '\0' || *path != '/' || strstr(path, "/pkg/mod/") != NULL)
			continue;
		if (*line != 'f')
			list_add(&w->embedded, copy_text(path));
		if (*line == 'p')
			continue;
		if (*line == 'e') {
			path[path_folder(path)] = '\0';
		}
		add_folder(w, path, *line == 'e');
	}
	free(out);
}

/* What go build reads in a package's folder, or at a module's root. */
static bool is_source(const char *name)
{
	static const char *const endings[] = { ".go", ".c",  ".cc",   ".cpp",     ".cxx",
					       ".m",  ".h",  ".hh",   ".hpp",     ".hxx",
					       ".f",  ".F",  ".for",  ".f90",     ".s",
					       ".S",  ".sx", ".swig", ".swigcxx", ".syso" };
	static const char *const names[] = { "go.mod",      "go.sum",      "go.work",
					     "go.work.sum", "modules.txt", "default.pgo" };
	const char *dot = strrchr(name, '.');

	/* Editors' own files come and go, and go build takes none of these names. */
	if (dot == NULL || name[0] == '.' || name[0] == '_' || name[0] == '#')
		return false;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* In a folder that has nothing but embedded files a new one is one, too. */
static bool is_embedded(const struct watch *w, const struct watched *folder, const char *name)
{
	char *path;
	bool found = folder->embedded && name[0] != '.' && name[strlen(name) - 1] != '~';

	if (found)
		return true;
	path = format("%s/%s", folder->path, name);
	for (size_t i = 0; i < w->embedded.n && !found; i++)
		found = fnmatch(w->embedded.item[i], path, 0) == 0;
	free(path);
	return found;
}

static bool counts(const struct watch *w, const struct inotify_event *e)
{
	for (size_t i = 0; i < w->ignored.n; i++)
		if (strcmp(w->ignored.item[i], e->name) == 0)
			return false;
	if (is_source(e->name))
		return true;
	for (size_t i = 0; i < w->n; i++)
		if (w->folder[i].wd == e->wd)
			return is_embedded(w, &w->folder[i], e->name);
	return false;
}

bool watch_changed(struct watch *w)
{
	_Alignas(struct inotify_event) char buf[16384];
	bool changed = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof buf)) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)p;

			/* An overflow: something has. */
			changed = changed || (e->mask & IN_Q_OVERFLOW) != 0 ||
				  (e->len > 0 && e->name[0] != '\0' && counts(w, e));
			p += sizeof *e + e->len;
		}
	return changed;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	for (size_t i = 0; i < w->n; i++)
		free(w->folder[i].path);
	free(w->folder);
	list_free(&w->embedded);
	list_free(&w->ignored);
}
