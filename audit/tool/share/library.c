#include "tool/share/library.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORM           "1" /* of a library; another one gets another key */
#define ORDER_MAX      64
#define UNUSED_SECONDS (30 * 86400)

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

static bool has(const struct list *list, const char *item)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], item) == 0)
			return true;
	return false;
}

/* The keys in a file, a line each; none where it is not there. */
static void read_keys(const char *file, struct list *keys)
{
	char *text, *rest, *line;
	size_t n;

	if (read_file(file, &text, &n) != 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			list_add(keys, copy_text(line));
	free(text);
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

static struct library **append_all(struct library **end, struct library *const *all,
				   const char *folder, const char *file, const struct list *own)
{
	struct list keys = { 0 };

	read_keys(file, &keys);
	for (size_t i = 0; i < keys.n; i++)
		end = append(end, *all, folder, keys.item[i],
			     own != NULL && !has(own, keys.item[i]));
	list_free(&keys);
	return end;
}

struct library *library_read(const char *folder, const char *order, const char *programs,
			     bool program)
{
	struct library *all = NULL, **end = &all;
	struct list own = { 0 };
	struct dirent **d = NULL;
	int files;

	read_keys(order, &own);
	if (program)
		end = append_all(end, &all, folder, order, NULL);
	end = append_all(end, &all, folder, programs, &own);
	end = append_all(end, &all, folder, order, NULL);
	files = scandir(folder, &d, is_list, alphasort);
	for (int i = 0; i < files; i++) {
		char *key = format("%.*s", (int)strlen(d[i]->d_name) - 11, d[i]->d_name + 6);

		end = append(end, all, folder, key, true);
		free(key);
		free(d[i]);
	}
	free(d);
	list_free(&own);
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
		if (!p->shared || strcmp(p->id, lib->ids.item[i]) != 0)
			return false;
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

void library_sweep(const struct library *all)
{
	struct stat st;

	for (const struct library *lib = all; lib != NULL; lib = lib->next) {
		char *list = format("%.*slist", (int)strlen(lib->file) - 2, lib->file);

		if (lib->chosen) {
			utimensat(AT_FDCWD, list, NULL, 0);
		} else if (stat(list, &st) == 0 && st.st_mtime + UNUSED_SECONDS < time(NULL) &&
			   unlink(list) == 0) {
			/* Without its list it is not chosen any more. */
			unlink(lib->file);
		}
		free(list);
	}
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

static bool overlap(const struct library *a, const struct library *b)
{
	for (size_t i = 0; i < a->paths.n; i++)
		if (has(&b->paths, a->paths.item[i]))
			return true;
	return false;
}

/* Would another build that looks at this one first come to something else than what has
 * been chosen? */
static bool misleads(struct library *all, const char *key)
{
	const struct library *first = find(all, key);

	if (first == NULL || first->chosen)
		return false;
	for (const struct library *lib = all; lib != NULL; lib = lib->next)
		if (lib->chosen && overlap(first, lib))
			return true;
	return false;
}

/* Does the order lead to what has been chosen?  If so it stays as it is, and what was
 * linked by it up to date. */
static bool leads(struct library *all, const struct list *keys)
{
	size_t chosen = 0, seen = 0;

	for (const struct library *lib = all; lib != NULL; lib = lib->next)
		chosen += lib->chosen;
	for (size_t i = 0; i < keys->n && seen < chosen; i++) {
		const struct library *lib = find(all, keys->item[i]);

		if (misleads(all, keys->item[i]))
			return false;
		seen += lib != NULL && lib->chosen;
	}
	return seen == chosen;
}

int library_keep_order(struct library *all, const char *made, const char *file)
{
	struct list keys = { 0 }, out = { 0 };
	struct text text = { 0 };
	char *part = format("%s.%ld", file, (long)getpid());
	int status = STATUS_OK;

	read_keys(file, &keys);
	if (made == NULL && leads(all, &keys)) {
		list_free(&keys);
		free(part);
		return STATUS_OK;
	}
	if (made != NULL)
		list_add(&out, copy_text(made));
	for (const struct library *lib = all; lib != NULL; lib = lib->next)
		if (lib->chosen)
			list_add(&out, copy_text(lib->key));
	for (size_t i = 0; i < keys.n && out.n < ORDER_MAX; i++)
		if (!has(&out, keys.item[i]))
			list_add(&out, copy_text(keys.item[i]));
	text_add(&text, "", 0);
	for (size_t i = 0; i < out.n; i++) {
		text_puts(&text, out.item[i]);
		text_puts(&text, "\n");
	}
	if (write_file(part, text.s, text.n, 0666) != 0 || rename(part, file) != 0)
		status = tool_error("%s: %m: make the cache folder writable", file);
	list_free(&keys);
	list_free(&out);
	free(text.s);
	free(part);
	return status;
}
