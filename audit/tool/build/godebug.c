#include "tool/build/godebug.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WHAT_TO_DO \
	"a guest has the settings of its process: leave it out, and set GODEBUG for the host"

static void warn(const char *path, unsigned number, const char *line, size_t n)
{
	tool_error("%s:%u: warning: %.*s: " WHAT_TO_DO, path, number, (int)n, line);
}

static bool begins(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n > len && memcmp(line, word, len) == 0 &&
	       (line[len] == ' ' || line[len] == '\t');
}

/* Directives stand before the package clause (cmd/go, go help godebug); in go.mod a line or
 * a block, at the beginning of a line. */
static void look_at(const char *path, const char *word, const char *until)
{
	char *text, *line;
	size_t size;
	unsigned number = 1;

	if (read_file(path, &text, &size) != 0)
		return;
	for (line = text; *line != '\0'; number++) {
		size_t n = strcspn(line, "\n");

		if (until != NULL && begins(line, n, until))
			break;
		if (begins(line, n, word))
			warn(path, number, line, n);
		line += n + (line[n] == '\n');
	}
	free(text);
}

static int is_source(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 3 && strcmp(d->d_name + n - 3, ".go") == 0 &&
	       (n < 8 || strcmp(d->d_name + n - 8, "_test.go") != 0);
}

static void look_at_folder(const char *folder)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, is_source, alphasort);

	for (int i = 0; i < n; i++) {
		char *path = format("%s/%s", folder, entry[i]->d_name);

		look_at(path, "//go:debug", "package");
		free(path);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

/* The go.mod of a folder's module is in it or above it. */
static void look_at_module(const char *folder)
{
	char *at = folder_with(folder, "go.mod");
	char *path = at != NULL ? format("%s/go.mod", at) : NULL;

	if (path != NULL)
		look_at(path, "godebug", NULL);
	free(path);
	free(at);
}

void godebug_warn(const struct goflags *g)
{
	for (size_t i = 0; i < g->packages.n || i == 0; i++) {
		const char *arg = g->packages.n > 0 ? g->packages.item[i] : ".";
		struct stat st;

		if (stat(arg, &st) != 0)
			continue; /* an import path */
		if (S_ISDIR(st.st_mode)) {
			look_at_folder(arg);
			look_at_module(arg);
		} else {
			look_at(arg, "//go:debug", "package");
			if (i == 0)
				look_at_module(".");
		}
	}
}
