#include "tool/live/packages.h"
#include "core/path.h"
#include "image/image.h"
#include "tool/base/files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "/libgo-" /* tool/share/library.h */

static void read_list(const char *file, struct list *packages)
{
	char *bytes, *text, *rest, *line;
	size_t n;

	if (read_file(file, &bytes, &n) != 0)
		return;
	text = image_packages(bytes, n);
	for (rest = text; text != NULL && (line = strsep(&rest, "\n")) != NULL;)
		if (strncmp(line, "package ", 8) == 0 && strchr(line + 8, ' ') != NULL)
			list_add(packages, make_printable(copy_text(line + 8)));
	free(text);
	free(bytes);
}

static void add(struct live_libraries *out, pid_t pid, const char *path)
{
	char *file = format("/proc/%d/root%s", (int)pid, path);
	struct live_library lib = { .path = copy_text(path) };
	struct live_library *more;

	read_list(file, &lib.packages);
	free(file);
	more = realloc(out->item, (out->n + 1) * sizeof *more);
	if (more == NULL)
		abort();
	out->item = more;
	out->item[out->n++] = lib;
}

void live_libraries(pid_t pid, struct live_libraries *out)
{
	char *maps = format("/proc/%d/maps", (int)pid), *line = NULL;
	FILE *f = fopen(maps, "re");
	size_t room = 0;

	*out = (struct live_libraries){ .n = 0 };
	free(maps);
	while (f != NULL && getline(&line, &room, f) > 0) {
		char *path = strchr(line, '/'), *name;

		if (path == NULL)
			continue;
		path[strcspn(path, "\n")] = '\0';
		name = strrchr(path, '/');
		if (strncmp(name, LIBRARY, sizeof LIBRARY - 1) == 0 &&
		    (out->n == 0 || strcmp(out->item[out->n - 1].path, path) != 0))
			add(out, pid, path);
	}
	free(line);
	if (f != NULL)
		fclose(f);
}

void live_libraries_free(struct live_libraries *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->item[i].path);
		list_free(&l->item[i].packages);
	}
	free(l->item);
	*l = (struct live_libraries){ .n = 0 };
}

static bool read_facts(const char *path, struct image_facts *facts)
{
	char *bytes;
	bool good;
	size_t n;

	facts->size = sizeof *facts;
	if (read_file(path, &bytes, &n) != 0)
		return false;
	good = image_inspect(bytes, n, facts, NULL, 0) == IMAGE_OK;
	free(bytes);
	return good;
}

/* The list of a library that an image needs: from where its RUNPATH leads. */
static char *list_of(const char *image, const struct image_facts *facts, const char *name)
{
	const char *at = facts->runpath;
	char path[PATH_MAX], *list = NULL, *bytes;
	size_t len;

	while (list == NULL && path_next(&at, path, sizeof path, image))
		if (path_add(path, sizeof path, name) && read_file(path, &bytes, &len) == 0) {
			list = image_packages(bytes, len);
			free(bytes);
		}
	return list;
}

static bool needs(const struct image_facts *facts, const char *name)
{
	for (unsigned i = 0; i < facts->libraries; i++)
		if (strcmp(facts->library[i].name, name) == 0)
			return true;
	return false;
}

bool live_clash(const char *old, const char *new, char *text, size_t size)
{
	struct image_facts was, is;
	bool found = false;

	if (!read_facts(old, &was) || !read_facts(new, &is))
		return false;
	for (unsigned i = 0; i < is.libraries && !found; i++) {
		char *wanted = needs(&was, is.library[i].name) ?
				       NULL :
				       list_of(new, &is, is.library[i].name);

		for (unsigned k = 0; wanted != NULL && k < was.libraries && !found; k++) {
			char *there = list_of(old, &was, was.library[k].name);

			found = there != NULL && image_clash(there, wanted, text, size);
			free(there);
		}
		free(wanted);
	}
	return found;
}
