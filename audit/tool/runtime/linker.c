/* Building the linker: go build -overlay puts the changed copies of the toolchain's files
 * in their places. */
#include "tool/runtime/linker.h"
#include "tool/runtime/edits.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LD "src/cmd/link/internal/ld"

struct linker {
	struct tool *t;
	struct runtime *rt;
	char *dir; /* RUNTIME/linker */
	struct edits edits;
	struct text json;
};

static bool put_file(struct linker *l, const char *name, const char *text)
{
	char *to = format("%s/%s", l->dir, name);
	char *place = format("%s/" LD "/%s", l->rt->goroot, name);
	bool good = write_file(to, text, strlen(text), 0644) == 0;

	if (!good)
		tool_error("%s: %s: make the cache folder writable", to, strerror(errno));
	edits_stand_for(&l->json, place, to);
	free(to);
	free(place);
	return good;
}

static int is_go_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && strcmp(d->d_name + n - 3, ".go") == 0;
}

/* The files that are added. */
static bool add_files(struct linker *l, const char *folder)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, is_go_file, alphasort);
	bool good = n > 0;

	for (int i = 0; i < n; i++) {
		char *path = format("%s/%s", folder, entry[i]->d_name), *text;
		size_t size;

		if (good && read_file(path, &text, &size) == 0) {
			good = put_file(l, entry[i]->d_name, text);
			free(text);
		}
		free(path);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return good;
}

static bool write_overlay(struct linker *l, const char *path)
{
	char *all;
	bool good = true;

	for (struct edited *s = l->edits.files; s != NULL && good; s = s->next)
		good = put_file(l, s->name, s->text);
	all = format("{\n\t\"Replace\": {%s\n\t}\n}\n", good ? l->json.s : "");
	good = good && write_file(path, all, strlen(all), 0644) == 0;
	free(all);
	return good;
}

static bool run_go(struct linker *l, char *overlay)
{
	char *out = format("%s/link", l->rt->dir), *log = format("%s/link.log", l->rt->dir);
	char *argv[] = {
		(char *)(uintptr_t)l->t->go,
		"build",
		"-overlay",
		overlay,
		"-o",
		out,
		"cmd/link",
		NULL,
	};
	struct child c = { .argv = argv, .dir = l->rt->dir, .env = runtime_env };
	void (*old)(int) = signal(SIGINT, SIG_IGN);
	pid_t pid;
	bool good;

	if (l->t->tty)
		fputs("\rbuilding the linker ", stderr);
	c.out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	pid = c.out < 0 ? -1 : child_start(&c);
	good = pid >= 0 && child_wait(pid) == 0;
	if (l->t->tty)
		fputs("\r\033[K", stderr);
	if (!good) {
		unlink(out);
		tool_error("the linker for debug information does not build: see %s", log);
	}
	if (c.out >= 0)
		close(c.out);
	signal(SIGINT, old);
	free(out);
	free(log);
	return good;
}

int linker_build(struct tool *t, struct runtime *rt)
{
	struct linker l = { .t = t,
			    .rt = rt,
			    .dir = format("%s/linker", rt->dir),
			    .edits.root = format("%s/" LD, rt->goroot) };
	char *list = format("%s/edits", t->linker != NULL ? t->linker : "");
	char *overlay = format("%s/overlay.json", l.dir);

	if (t->linker == NULL || make_dirs(l.dir) != 0 || !add_files(&l, t->linker) ||
	    !edits_make(&l.edits, list) || !write_overlay(&l, overlay) || !run_go(&l, overlay))
		tool_error("%s: guests will have functions and lines for debuggers, but no "
			   "variables: use a Go that goaudit(1) lists",
			   rt->version);
	edits_free(&l.edits);
	free((char *)(uintptr_t)l.edits.root);
	free(list);
	free(l.json.s);
	free(l.dir);
	free(overlay);
	return STATUS_OK;
}

char *linker_path(const struct runtime *rt)
{
	char *path = format("%s/link", rt->dir);

	if (file_exists(path))
		return path;
	free(path);
	return NULL;
}
