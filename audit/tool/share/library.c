#include "tool/share/library.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/hash.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORM      "1" /* of a library; another one gets another key */
#define ORDER_MAX 64

/* --- reading ----------------------------------------------------------------------- */

static void take_line(struct library *lib, char *line)
{
	char *word = strsep(&line, " "), *name = strsep(&line, " ");
	char *version = strsep(&line, " "), *id = line;

	if (name == NULL)
		return;
	if (strcmp(word, "below") == 0) {
		list_add(&lib->below, copy_text(name));
	} else if (strcmp(word, "package") == 0 && version != NULL && id != NULL) {
		list_add(&lib->paths, copy_text(name));
		list_add(&lib->ids, copy_text(id));
	}
}

static struct library *read_one(const char *folder, const char *key)
{
	char *list = format("%s/libgo-%s.list", folder, key);
	struct library *lib = NULL;
	char *text, *copy, *rest, *line;
	size_t n;

	if (read_file(list, &text, &n) == 0) {
		lib = allocate(sizeof *lib);
		*lib = (struct library){ .key = copy_text(key), .text = text };
		lib->file = format("%s/libgo-%s.so", folder, key);
		copy = copy_text(text);
		for (rest = copy; (line = strsep(&rest, "\n")) != NULL;)
			take_line(lib, line);
		free(copy);
	}
	free(list);
	return lib;
}

static struct library *find(struct library *all, const char *key)
{
	while (all != NULL && strcmp(all->key, key) != 0)
		all = all->next;
	return all;
}

static struct library **append(struct library **end, struct library *all, const char *folder,
			       const char *key, bool foreign)
{
	struct library *lib = find(all, key) == NULL ? read_one(folder, key) : NULL;

	if (lib == NULL)
		return end;
	lib->foreign = foreign;
	*end = lib;
	return &lib->next;
}

static int is_list(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return strncmp(d->d_name, "libgo-", 6) == 0 && n > 11 &&
	       strcmp(d->d_name + n - 5, ".list") == 0;
}

struct library *library_read(const char *folder, const char *order)
{
	struct library *all = NULL, **end = &all;
	char *text, *rest, *line;
	struct dirent **d = NULL;
	size_t n;
	int files;

	if (read_file(order, &text, &n) == 0) {
		for (rest = text; (line = strsep(&rest, "\n")) != NULL;)
			end = append(end, all, folder, line, false);
		free(text);
	}
	files = scandir(folder, &d, is_list, alphasort);
	for (int i = 0; i < files; i++) {
		char *key = format("%.*s", (int)strlen(d[i]->d_name) - 11, d[i]->d_name + 6);

		end = append(end, all, folder, key, true);
		free(key);
		free(d[i]);
	}
	free(d);
	return all;
}

void library_free(struct library *all)
{
	struct library *next;

	for (; all != NULL; all = next) {
		next = all->next;
		free(all->key);
		free(all->file);
		free(all->text);
		list_free(&all->below);
		list_free(&all->paths);
		list_free(&all->ids);
		free(all);
	}
}

/* --- choosing ---------------------------------------------------------------------- */

/* Has the build the very same packages, as far as it has them, and in no other library? */
static bool fits_alone(struct library *lib, const struct link *l)
{
	for (size_t i = 0; i < lib->paths.n; i++) {
		const struct package *p = link_find(l, lib->paths.item[i]);

		if (p == NULL && lib->foreign)
			return false;
		if (p == NULL)
			continue;
		if (!p->shared || strcmp(p->id, lib->ids.item[i]) != 0) {
			lib->refused = true;
			return false;
		}
		if (p->in != NULL && p->in != lib)
			return false;
	}
	return true;
}

static bool fits(struct library *all, struct library *lib, const struct link *l)
{
	if (!lib->chosen && !fits_alone(lib, l))
		return false;
	for (size_t i = 0; i < lib->below.n; i++) {
		struct library *below = find(all, lib->below.item[i]);

		if (below == NULL || (!below->chosen && !fits_alone(below, l)))
			return false;
	}
	return true;
}

static void choose(struct library *lib, struct link *l)
{
	lib->chosen = true;
	for (size_t i = 0; i < lib->paths.n; i++) {
		struct package *p = link_find(l, lib->paths.item[i]);

		if (p != NULL)
			p->in = lib;
	}
}

static bool has_new(const struct library *lib, const struct link *l)
{
	for (size_t i = 0; i < lib->paths.n; i++) {
		const struct package *p = link_find(l, lib->paths.item[i]);

		if (p != NULL && p->shared && p->in == NULL)
			return true;
	}
	return false;
}

size_t library_choose(struct library *all, struct link *l)
{
	size_t left = 0;

	for (struct library *lib = all; lib != NULL; lib = lib->next) {
		if (lib->chosen || !has_new(lib, l) || !fits(all, lib, l))
			continue;
		for (size_t i = 0; i < lib->below.n; i++)
			choose(find(all, lib->below.item[i]), l);
		choose(lib, l);
	}
	for (size_t i = 0; i < l->n; i++)
		left += l->package[i].shared && l->package[i].in == NULL;
	return left;
}

/* --- a new one --------------------------------------------------------------------- */

static bool needs(const struct link *l, const struct library *lib)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct package *p = &l->package[i];

		for (size_t k = 0; p->shared && p->in == NULL && k < p->imports.n; k++) {
			const struct package *need = link_find(l, p->imports.item[k]);

			if (need != NULL && need->in == lib)
				return true;
		}
	}
	return false;
}

static bool has(const struct list *list, const char *item)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], item) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *library_list(struct library *all, const struct link *l, char **key)
{
	struct list lines = { 0 }, below = { 0 };
	struct hash h = { .h = 1 };
	struct text out = { 0 };

	for (struct library *lib = all; lib != NULL; lib = lib->next) {
		if (!lib->chosen || !needs(l, lib))
			continue;
		for (size_t i = 0; i < lib->below.n; i++)
			if (!has(&below, lib->below.item[i]))
				list_add(&below, copy_text(lib->below.item[i]));
		if (!has(&below, lib->key))
			list_add(&below, copy_text(lib->key));
	}
	for (size_t i = 0; i < below.n; i++)
		list_add(&lines, format("below %s\n", below.item[i]));
	list_free(&below);
	for (size_t i = 0; i < l->n; i++) {
		const struct package *p = &l->package[i];

		if (p->shared && p->in == NULL)
			list_add(&lines,
				 format("package %s %s %s\n", p->path, p->version, p->id));
	}
	qsort(lines.item, lines.n, sizeof *lines.item, compare);
	hash_text(&h, FORM);
	for (size_t i = 0; i < lines.n; i++) {
		hash_text(&h, lines.item[i]);
		text_puts(&out, lines.item[i]);
	}
	list_free(&lines);
	*key = format("%016llx", (unsigned long long)(h.h >> 40));
	return out.s;
}

/* --- the order --------------------------------------------------------------------- */

static void put(struct text *out, unsigned *n, const char *key)
{
	if ((*n)++ < ORDER_MAX) {
		text_puts(out, key);
		text_puts(out, "\n");
	}
}

int library_keep_order(const struct library *all, const char *made, const char *order)
{
	struct text out = { 0 };
	bool turn = made != NULL, passed = false, differs;
	unsigned n = 0;
	char *old = NULL, *part;
	size_t len;
	int status = STATUS_OK;

	/* A choice that the same order would lead to leaves it alone: what was linked by it
	 * stays up to date. */
	for (const struct library *lib = all; lib != NULL; lib = lib->next) {
		turn = turn || (lib->chosen && (passed || lib->foreign));
		passed = passed || (lib->refused && !lib->foreign);
	}
	if (!turn)
		return STATUS_OK;
	if (made != NULL)
		put(&out, &n, made);
	for (const struct library *lib = all; lib != NULL; lib = lib->next)
		if (lib->chosen)
			put(&out, &n, lib->key);
	for (const struct library *lib = all; lib != NULL; lib = lib->next)
		if (!lib->chosen && !lib->foreign)
			put(&out, &n, lib->key);
	differs = read_file(order, &old, &len) != 0 || strcmp(old, out.s) != 0;
	part = format("%s.%ld", order, (long)getpid());
	if (differs && (write_file(part, out.s, out.n, 0666) != 0 || rename(part, order) != 0))
		status = tool_error("%s: %m: make the cache folder writable", order);
	free(old);
	free(part);
	free(out.s);
	return status;
}
