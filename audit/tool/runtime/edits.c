/* Edits are made on copies; the toolchain's own files stay as they are. */
#include "tool/runtime/edits.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block of the edits. */
struct edit {
	char file[64];
	unsigned least, most; /* how often `old` must be found */
	bool if_there;        /* a release may lack the file */
	struct text old, new; /* lines, without the last one's end */
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
	e->if_there = times[strlen(times) - 1] == '?';
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

static struct edited *find_source(struct edits *l, const char *name)
{
	struct edited *s;
	char *path, *bytes;
	size_t n;

	for (s = l->files; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	path = format("%s/%s", l->root, name);
	if (read_file(path, &bytes, &n) != 0) {
		tool_error("%s: %s", path, strerror(errno));
		free(path);
		return NULL;
	}
	free(path);
	s = allocate(sizeof *s);
	*s = (struct edited){ .next = l->files, .name = copy_text(name), .text = bytes };
	l->files = s;
	return s;
}

static bool apply(struct edits *l, const struct edit *e)
{
	struct edited *s;
	struct text out = { 0 };
	unsigned found = 0;
	const char *at, *hit;
	char *path = format("%s/%s", l->root, e->file);
	bool there = file_exists(path);

	free(path);
	if (!there && e->if_there)
		return true;
	s = find_source(l, e->file);
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

bool edits_make(struct edits *l, const char *path)
{
	char *text;
	struct edit e;
	const char *at;
	bool good = true;
	size_t n;

	if (read_file(path, &text, &n) != 0) {
		tool_error("%s: %s", path, strerror(errno));
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
	return good;
}

void edits_stand_for(struct text *json, const char *place, const char *to)
{
	text_puts(json, json->n > 0 ? ",\n\t\t" : "\n\t\t");
	text_json(json, place);
	text_puts(json, ": ");
	text_json(json, to);
}

void edits_free(struct edits *l)
{
	while (l->files != NULL) {
		struct edited *s = l->files;

		l->files = s->next;
		free(s->name);
		free(s->text);
		free(s);
	}
}
