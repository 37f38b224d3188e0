/* Building the linker: the edits are made on copies of the toolchain's files,
 * which go build -overlay puts in their places. */
#include "tool/runtime/linker.h"
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

/* A block of the edits. */
struct edit {
	char file[64];
	unsigned least, most; /* how often `old` must be found */
	struct text old, new; /* lines, without the last one's end */
};

/* One source file on its way. */
struct source {
	struct source *next;
	char *name;
	char *text;
};

struct linker {
	struct tool *t;
	struct runtime *rt;
	char *dir; /* RUNTIME/linker */
	struct source *sources;
	struct text json;
};

static void add_line(struct text *to, const char *line, size_t n)
{
	if (to->s != NULL)
		text_add(to, "\n", 1);
	text_add(to, line, n);
}

/* Reads the block that *at points to, and moves *at behind it. */
static bool next_edit(const char **at, struct edit *e)
{
	char times[16] = "";

	*e = (struct edit){ .least = 0 };
	while (**at != '\0' && **at != '@')
		*at += strcspn(*at, "\n"), *at += **at == '\n';
	if (sscanf(*at, "@ %63s %15s", e->file, times) != 2)
		return false;
	if (sscanf(times, "%u+%u", &e->least, &e->most) != 2)
		e->most = e->least;
	else
		e->most += e->least;
	for (;;) {
		size_t n;

		*at += strcspn(*at, "\n");
		*at += **at == '\n';
		n = strcspn(*at, "\n");
		if (**at == '-')
			add_line(&e->old, *at + 1, n - 1);
		else if (**at == '+')
			add_line(&e->new, *at + 1, n - 1);
		else
			return e->old.s != NULL && e->new.s != NULL;
	}
}

static void free_edit(struct edit *e)
{
	free(e->old.s);
	free(e->new.s);
}

static struct source *find_source(struct linker *l, const char *name)
{
	struct source *s;
	char *path, *bytes;
	size_t n;

	for (s = l->sources; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	path = format("%s/" LD "/%s", l->rt->goroot, name);
	if (read_file(path, &bytes, &n) != 0) {
		tool_error("%s: %s", path, strerror(errno));
		free(path);
		return NULL;
	}
	free(path);
	s = allocate(sizeof *s);
	*s = (struct source){ .next = l->sources, .name = copy_text(name), .text = bytes };
	l->sources = s;
	return s;
}

static bool apply(struct linker *l, const struct edit *e)
{
	struct source *s = find_source(l, e->file);
	struct text out = { 0 };
	unsigned found = 0;
	const char *at, *hit;

	if (s == NULL)
		return false;
	for (at = s->text; (hit = strstr(at, e->old.s)) != NULL; at = hit + e->old.n) {
		text_add(&out, at, (size_t)(hit - at));
		text_puts(&out, e->new.s);
		found++;
	}
	if (found < e->least || found > e->most) {
		tool_error("%s: not as expected: `%.*s' is there %u times, not %u", e->file,
			   (int)strcspn(e->old.s, "\n"), e->old.s, found, e->least);
		free(out.s);
		return false;
	}
	text_puts(&out, at);
	free(s->text);
	s->text = out.s;
	return true;
}

static bool make_edits(struct linker *l, const char *folder)
{
	char *path = format("%s/edits", folder), *text;
	struct edit e;
	const char *at;
	bool good = true;
	size_t n;

	if (read_file(path, &text, &n) != 0) {
		tool_error("%s: %s", path, strerror(errno));
		free(path);
		return false;
	}
	at = text;
	while (good && next_edit(&at, &e)) {
		good = apply(l, &e);
		free_edit(&e);
	}
	if (good && *at != '\0') {
		tool_error("%s: block for %s: not understood", path, e.file);
		free_edit(&e);
		good = false;
	}
	free(text);
	free(path);
	return good;
}

static bool put_file(struct linker *l, const char *name, const char *text)
{
	char *to = format("%s/%s", l->dir, name);
	char *place = format("%s/" LD "/%s", l->rt->goroot, name);
	bool good = write_file(to, text, strlen(text), 0644) == 0;

	if (!good)
		tool_error("%s: %s: make the cache folder writable", to, strerror(errno));
	text_puts(&l->json, l->json.n > 0 ? ",\n\t\t" : "\n\t\t");
	text_json(&l->json, place);
	text_puts(&l->json, ": ");
	text_json(&l->json, to);
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

	for (struct source *s = l->sources; s != NULL && good; s = s->next)
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
	struct linker l = { .t = t, .rt = rt, .dir = format("%s/linker", rt->dir) };
	char *overlay = format("%s/overlay.json", l.dir);

	if (t->linker == NULL || make_dirs(l.dir) != 0 || !add_files(&l, t->linker) ||
	    !make_edits(&l, t->linker) || !write_overlay(&l, overlay) || !run_go(&l, overlay))
		tool_error("%s: guests will have functions and lines for debuggers, but no "
			   "variables: use a Go that goaudit(1) lists",
			   rt->version);
	while (l.sources != NULL) {
		struct source *s = l.sources;

		l.sources = s->next;
		free(s->name);
		free(s->text);
		free(s);
	}
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
