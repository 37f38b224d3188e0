/* Reading importcfg.link, which go build writes for each link (cmd/go/internal/work,
 * exec.go, writeLinkImportcfg):
 *
 *	packagefile PATH=ARCHIVE	each package of the program
 *	packageshlib PATH=LIBRARY	those in a shared library: std's
 *	modinfo "..."			quoted as by %q: 16 bytes, then lines of mod, dep
 *					and => (a replacement), fields between tabs
 *
 * A package's ID covers those that it needs: the same archive over another build of what
 * it imports is another package. */
#include "tool/share/link.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/hash.h"
#include "tool/share/archive.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MODULE "goaudit/guest" /* has state of each guest's own, or is for hosts */
#define DEVEL      "(devel)"

struct package *link_find(const struct link *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->package[i].path, path) == 0)
			return &l->package[i];
	return NULL;
}

/* --- modules ----------------------------------------------------------------------- */

/* Undoes %q, as far as such a text has it. */
static char *unquote(const char *s)
{
	char *out = allocate(strlen(s) + 1), *to = out;
	unsigned byte;

	for (s += *s == '"'; *s != '\0' && *s != '"'; s++) {
		if (*s != '\\' || s[1] == '\0') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s == 'x' && sscanf(s + 1, "%2x", &byte) == 1) {
			*to++ = byte != 0 ? (char)byte : '?';
			s += 2;
		} else {
			*to++ = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		}
	}
	*to = '\0';
	return out;
}

static void add_module(struct link *l, const char *path, const char *version, bool own)
{
	size_t size = (l->modules + 1) * sizeof *l->module;
	struct go_module *more = realloc(l->module, size);

	if (more == NULL)
		abort();
	l->module = more;
	l->module[l->modules++] =
		(struct go_module){ copy_text(path), copy_text(version), own };
}

/* One line of the build's description. */
static void take_module(struct link *l, char *line)
{
	char *kind = strsep(&line, "\t"), *path = strsep(&line, "\t");
	char *version = strsep(&line, "\t");
	struct go_module *last = l->modules > 0 ? &l->module[l->modules - 1] : NULL;

	if (path == NULL)
		return;
	if (version == NULL || *version == '\0')
		version = (char *)(uintptr_t)DEVEL;
	if (strcmp(kind, "mod") == 0) {
		add_module(l, path, version, true);
	} else if (strcmp(kind, "dep") == 0) {
		/* Another module of the workspace has no version. */
		add_module(l, path, version, strcmp(version, DEVEL) == 0);
	} else if (strcmp(kind, "=>") == 0 && last != NULL) {
		free(last->version);
		last->version = copy_text(version);
		last->own = false;
	}
}

static void take_modules(struct link *l, const char *quoted)
{
	char *text = unquote(quoted), *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		take_module(l, line);
	free(text);
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static const struct go_module *module_of(const struct link *l, const char *path)
{
	const struct go_module *best = NULL;

	for (size_t i = 0; i < l->modules; i++)
		if (is_below(path, l->module[i].path) &&
		    (best == NULL || strlen(l->module[i].path) > strlen(best->path)))
			best = &l->module[i];
	return best;
}

/* --- packages ---------------------------------------------------------------------- */

static void add_package(struct link *l, const char *text)
{
	size_t n = strcspn(text, "=");
	struct package *more = realloc(l->package, (l->n + 1) * sizeof *l->package);

	if (more == NULL)
		abort();
	l->package = more;
	l->package[l->n++] = (struct package){
		.path = format("%.*s", (int)n, text),
		.file = copy_text(text + n + (text[n] == '=')),
	};
}

static void set_standard(struct link *l, const char *text)
{
	char *path = format("%.*s", (int)strcspn(text, "="), text);
	const char *file = text[strlen(path)] == '=' ? text + strlen(path) + 1 : "";
	const char *slash = strrchr(file, '/');
	struct package *p = link_find(l, path);

	if (p != NULL) {
		free(p->file);
		p->file = NULL;
	}
	if (l->standard == NULL && slash != NULL)
		l->standard = format("%.*s", (int)(slash - file), file);
	free(path);
}

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static int read_config(struct link *l)
{
	char *text, *rest, *line;
	const char *s;
	size_t n;

	if (read_file(l->config, &text, &n) != 0)
		return tool_error("%s: %m: build again", l->config);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			list_add(&l->lines, copy_text(line));
	free(text);
	for (size_t i = 0; i < l->lines.n; i++) {
		if ((s = after(l->lines.item[i], "packagefile")) != NULL)
			add_package(l, s);
		else if ((s = after(l->lines.item[i], "modinfo")) != NULL)
			take_modules(l, s);
	}
	for (size_t i = 0; i < l->lines.n; i++)
		if ((s = after(l->lines.item[i], "packageshlib")) != NULL)
			set_standard(l, s);
	return STATUS_OK;
}

/* What -X sets in a package is part of its content. */
static void hash_values(struct hash *h, const struct package *p, char *const *argv)
{
	size_t n = strlen(p->path);

	for (; *argv != NULL; argv++) {
		const char *s = *argv;

		if (strcmp(s, "-X") == 0 && argv[1] != NULL)
			s = argv[1];
		else if (strncmp(s, "-X=", 3) == 0)
			s += 3;
		else
			continue;
		if (strncmp(s, p->path, n) == 0 && s[n] == '.')
			hash_text(h, s);
	}
}

static int identify(struct link *l, struct package *p, char *const *argv)
{
	struct hash h = { .h = 1 };
	int status = STATUS_OK;
	char *content;

	if (p->file == NULL || p->seen)
		return STATUS_OK;
	p->seen = true;
	status = archive_read(p->file, &content, &p->imports);
	if (status != STATUS_OK)
		return status;
	hash_text(&h, content);
	free(content);
	hash_values(&h, p, argv);
	for (size_t i = 0; status == STATUS_OK && i < p->imports.n; i++) {
		struct package *need = link_find(l, p->imports.item[i]);

		if (need == NULL || need->file == NULL)
			continue;
		status = identify(l, need, argv);
		hash_text(&h, need->path);
		hash_text(&h, need->id);
	}
	snprintf(p->id, sizeof p->id, "%016llx%016llx", (unsigned long long)(h.h >> 64),
		 (unsigned long long)h.h);
	return status;
}

int link_read(struct link *l, char *const *argv)
{
	const char *last = NULL;
	int status;

	*l = (struct link){ .config = NULL };
	for (char *const *a = argv; *a != NULL; a++) {
		if (strcmp(*a, "-importcfg") == 0 && a[1] != NULL)
			l->config = copy_text(a[1]);
		last = *a;
	}
	if (l->config == NULL)
		return tool_error("toolexec: link without -importcfg: run goaudit build");
	status = read_config(l);
	for (size_t i = 0; status == STATUS_OK && i < l->n; i++) {
		struct package *p = &l->package[i];
		const struct go_module *m = module_of(l, p->path);

		p->main = p->file != NULL && strcmp(p->file, last) == 0;
		p->version = copy_text(m != NULL ? m->version : DEVEL);
		status = identify(l, p, argv);
	}
	return status;
}

void link_free(struct link *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->package[i].path);
		free(l->package[i].file);
		free(l->package[i].version);
		list_free(&l->package[i].imports);
	}
	for (size_t i = 0; i < l->modules; i++) {
		free(l->module[i].path);
		free(l->module[i].version);
	}
	free(l->package);
	free(l->module);
	free(l->config);
	free(l->standard);
	list_free(&l->lines);
	*l = (struct link){ .config = NULL };
}

/* --- which ones -------------------------------------------------------------------- */

static bool is_dependency(const struct link *l, const struct package *p)
{
	const struct go_module *m = module_of(l, p->path);

	return m != NULL && !m->own;
}

static bool matches(const struct link *l, const struct package *p, const char *pattern)
{
	size_t n = strlen(pattern);
	char *folder;
	bool below;

	if (strcmp(pattern, "deps") == 0)
		return is_dependency(l, p);
	if (n < 4 || strcmp(pattern + n - 4, "/...") != 0)
		return strcmp(pattern, p->path) == 0;
	folder = format("%.*s", (int)n - 4, pattern);
	below = is_below(p->path, folder);
	free(folder);
	return below;
}

static void mark(struct link *l, struct package *p)
{
	if (p == NULL || p->file == NULL || p->main || p->shared || p->left_out)
		return;
	p->shared = true;
	for (size_t i = 0; i < p->imports.n; i++)
		mark(l, link_find(l, p->imports.item[i]));
}

static bool needs_left_out(const struct link *l, const struct package *p)
{
	for (size_t i = 0; i < p->imports.n; i++) {
		const struct package *need = link_find(l, p->imports.item[i]);

		if (need != NULL && need->left_out)
			return true;
	}
	return false;
}

/* A library is whole, so what needs them stays with them. */
static void leave_out(struct link *l, const char *pattern)
{
	bool more = true;

	for (size_t i = 0; i < l->n; i++)
		l->package[i].left_out |=
			l->package[i].file != NULL && matches(l, &l->package[i], pattern);
	while (more) {
		more = false;
		for (size_t i = 0; i < l->n; i++)
			if (!l->package[i].left_out && needs_left_out(l, &l->package[i]))
				more = l->package[i].left_out = true;
	}
}

static void mark_all(struct link *l, const char *pattern)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->package[i].file != NULL && !l->package[i].main &&
		    !is_below(l->package[i].path, OWN_MODULE) &&
		    matches(l, &l->package[i], pattern))
			mark(l, &l->package[i]);
}

void link_mark(struct link *l, const char *patterns)
{
	for (int out = 1; out >= 0; out--) {
		char *text = copy_text(patterns), *rest = text, *pattern;

		while ((pattern = strsep(&rest, ",")) != NULL)
			if (out && pattern[0] == '-')
				leave_out(l, pattern + 1);
			else if (!out && pattern[0] != '-')
				mark_all(l, pattern);
		free(text);
	}
}
