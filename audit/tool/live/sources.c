/* Watching the sources of a guest. */
#include "tool/live/sources.h"
#include "tool/base/child.h"
#include "tool/base/error.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A file counts when its writer closes it, or when it takes another's place. */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

/* The folder, the module's root (go.mod), and those of embedded files. */
#define LIST_FORMAT                                                       \
	"{{if not .Standard}}{{.Dir}}\n{{with .Module}}{{.Dir}}\n{{end}}" \
	"{{range .EmbedFiles}}{{$.Dir}}/{{.}}\n{{end}}{{end}}"

static void add_folder(struct watch *w, const char *folder)
{
	for (size_t i = 0; i < w->folders.n; i++)
		if (strcmp(w->folders.item[i], folder) == 0)
			return;
	if (inotify_add_watch(w->fd, folder, EVENTS) >= 0)
		list_add(&w->folders, copy_text(folder));
}

int watch_open(struct watch *w, const char *package)
{
	*w = (struct watch){ .package = package };
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0 || inotify_add_watch(w->fd, package, EVENTS) < 0)
		return tool_error("%s: cannot be watched: %s", package, strerror(errno));
	list_add(&w->folders, copy_text(package));
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

	while (out != NULL && (line = strsep(&rest, "\n")) != NULL) {
		/* The module cache is read-only: nothing changes there. */
		if (*line == '/' && strstr(line, "/pkg/mod/") == NULL) {
			char *slash = strrchr(line, '/');
			const char *dot = strrchr(line, '.');

			add_folder(w, line);
			if (dot > slash && slash > line) {
				*slash = '\0'; /* an embedded file */
				add_folder(w, line);
			}
		}
	}
	free(out);
}

/* Editors' own files come and go without the sources changing. */
static bool counts(const struct watch *w, const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || name[0] == '.' || name[0] == '#' || name[n - 1] == '~')
		return false;
	for (size_t i = 0; i < w->ignored.n; i++)
		if (strcmp(w->ignored.item[i], name) == 0)
			return false;
	return true;
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
				  (e->len > 0 && counts(w, e->name));
			p += sizeof *e + e->len;
		}
	return changed;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	list_free(&w->folders);
	list_free(&w->ignored);
}
