#include "tool/deploy/vendor.h"
#include "core/path.h"
#include "tool/base/child.h"
#include "tool/base/error.h"
#include "tool/base/files.h"
#include "tool/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below the module's root, where nobody outside of it can import from. */
#define PLACE  "internal/goaudit-guest"
#define MODULE "goaudit/guest"

static int is_part(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return strcmp(d->d_name, "go.mod") == 0 ||
	       (n > 3 && strcmp(d->d_name + n - 3, ".go") == 0);
}

static int copy_folder(const char *from, const char *to)
{
	struct dirent **entry;
	int n = scandir(from, &entry, is_part, alphasort), status = STATUS_OK;

	if (n <= 0)
		return tool_error("%s: %s: install goaudit again", from,
				  n < 0 ? strerror(errno) : "it has no Go files");
	if (make_dirs(to) != 0)
		status = tool_error("%s: %s", to, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *source = format("%s/%s", from, entry[i]->d_name);
		char *copy = format("%s/%s", to, entry[i]->d_name);

		if (status == STATUS_OK && copy_file(source, copy) != 0)
			status = tool_error("%s: %s", copy, strerror(errno));
		free(source);
		free(copy);
		free(entry[i]);
	}
	free(entry);
	return status;
}

static int require(const struct tool *t, char *root)
{
	char *argv[] = {
		(char *)(uintptr_t)t->go,
		(char *)(uintptr_t) "-C",
		root,
		(char *)(uintptr_t) "mod",
		(char *)(uintptr_t) "edit",
		(char *)(uintptr_t) "-require=" MODULE "@v0.0.0",
		(char *)(uintptr_t) "-replace=" MODULE "=./" PLACE,
		NULL,
	};
	struct child c = { .argv = argv, .out = -1 };
	pid_t pid = child_start(&c);

	return pid >= 0 && child_wait(pid) == 0 ?
		       STATUS_OK :
		       tool_error("%s/go.mod: go mod edit failed: put go into PATH", root);
}

int vendor_package(struct tool *t, const char *folder)
{
	char *root = folder_with(folder, "go.mod"), *place, *state, *from;
	int status = STATUS_OK;

	if (root == NULL)
		return tool_error("%s: it is in no module: run go mod init first", folder);
	if (t->guest == NULL) {
		free(root);
		return tool_error(
			"goaudit/guest: it is not beside goaudit: install that with make install");
	}
	place = format("%s/" PLACE, root);
	state = format("%s/state", place);
	from = format("%s/state", t->guest);
	if (remove_marked(place) != 0)
		status = tool_error("%s: it is there, and not of goaudit init: move it away",
				    place);
	if (status == STATUS_OK)
		status = copy_folder(t->guest, place);
	if (status == STATUS_OK)
		status = copy_folder(from, state);
	if (status == STATUS_OK && mark_folder(place) != 0)
		status = tool_error("%s: %s", place, strerror(errno));
	if (status == STATUS_OK)
		status = require(t, root);
	if (status == STATUS_OK)
		printf("%s: import \"" MODULE "\", and commit " PLACE "\n", root);
	free(root);
	free(place);
	free(state);
	free(from);
	return status;
}
