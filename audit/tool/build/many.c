/* Several guests by one command.
 *
 * go build makes one c-shared library at a time: the main packages that the
 * patterns stand for come from go list, and each is built by itself. */
#include "tool/build/many.h"
#include "tool/build/build.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Is it one package for sure?  A list of .go files is one, too. */
static bool is_one(const struct list *packages)
{
	if (packages->n <= 1)
		return packages->n == 0 || strstr(packages->item[0], "...") == NULL;
	for (size_t i = 0; i < packages->n; i++) {
		size_t n = strlen(packages->item[i]);

		if (n < 3 || strcmp(packages->item[i] + n - 3, ".go") != 0)
			return false;
	}
	return true;
}

/* The folders of the main packages.  Flags that choose files (-tags, -mod)
 * count for go list as well. */
static int list_mains(const struct tool *t, const struct goflags *g, struct list *folders)
{
	struct list argv = { 0 };
	char *out, *line, *rest;

	list_add(&argv, copy_text(t->go));
	list_add(&argv, copy_text("list"));
	list_add(&argv, copy_text("-f={{if eq .Name \"main\"}}{{.Dir}}{{end}}"));
	for (size_t i = 0; i < g->flags.n; i++)
		list_add(&argv, copy_text(g->flags.item[i]));
	for (size_t i = 0; i < g->packages.n; i++)
		list_add(&argv, copy_text(g->packages.item[i]));
	out = child_output(argv.item);
	list_free(&argv);
	if (out == NULL)
		return STATUS_FAILED; /* go has said why */
	for (rest = out; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			list_add(folders, copy_text(line));
	free(out);
	return folders->n > 0 ? STATUS_OK :
				tool_error("%s: no main package among them: a guest is one",
					   g->packages.item[0]);
}

/* They would overwrite each other. */
static int check_names(const struct list *folders)
{
	for (size_t i = 0; i < folders->n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(strrchr(folders->item[i], '/'),
				   strrchr(folders->item[k], '/')) == 0)
				return tool_error("%s and %s: both would be %s.so: build them "
						  "one by one with -o",
						  folders->item[k], folders->item[i],
						  strrchr(folders->item[i], '/') + 1);
	return STATUS_OK;
}

static int check_output(const struct goflags *g)
{
	struct stat st;

	if (g->output == NULL || (stat(g->output, &st) == 0 && S_ISDIR(st.st_mode)))
		return STATUS_OK;
	if (g->output[0] != '\0' && g->output[strlen(g->output) - 1] == '/' &&
	    make_dirs(g->output) == 0)
		return STATUS_OK;
	return tool_error("-o %s: several packages: name a folder, with a slash at its end",
			  g->output);
}

int build_many(struct tool *t, const struct runtime *rt, struct goflags *g)
{
	struct list folders = { 0 }, packages = g->packages;
	int status, failed = STATUS_OK;

	if (is_one(&packages))
		return build_guest(t, rt, g);
	status = list_mains(t, g, &folders);
	if (status == STATUS_OK)
		status = check_names(&folders);
	if (status == STATUS_OK)
		status = check_output(g);
	for (size_t i = 0; status == STATUS_OK && i < folders.n; i++) {
		struct list one = { 0 };

		if (t->tty)
			fprintf(stderr, "%zu of %zu: %s\n", i + 1, folders.n, folders.item[i]);
		list_add(&one, copy_text(folders.item[i]));
		g->packages = one;
		/* Like go build, go on: all errors are wanted. */
		if (build_guest(t, rt, g) != STATUS_OK)
			failed = STATUS_FAILED;
		g->packages = packages;
		list_free(&one);
	}
	list_free(&folders);
	return status != STATUS_OK ? status : failed;
}
