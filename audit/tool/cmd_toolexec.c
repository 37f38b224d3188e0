/* goaudit toolexec: stands between go build and the tools it runs, for
 * goaudit build.
 *
 * go build -linkshared links libstd.so again before each guest.  That link is
 * answered here with the library that is there.  And since the guest will run
 * over that library, no package of std may be compiled from other sources or
 * flags than it was; the environment variables tell:
 *
 *	GOAUDIT_LIBSTD		the library to answer with
 *	GOAUDIT_STD		"keep": refuse to compile packages of std
 *	GOAUDIT_LINK		the linker to use in place of the toolchain's
 *	GOAUDIT_LINK_ID		its identity: go takes what was linked by another
 *				one for something else */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
has_arg(char *const *argv, const char *arg)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, arg) == 0)
			return true;
	return false;
}

static const char *
value_of(char *const *argv, const char *flag)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, flag) == 0)
			return argv[1];
	return NULL;
}

/* The answer is a hard link where possible: 57 MB need no copying. */
static int
answer_link(char *const *argv)
{
	const char *lib = getenv("GOAUDIT_LIBSTD"), *out = value_of(argv, "-o");

	if (out == NULL)
		return tool_error("toolexec: link without -o: run goaudit build");
	unlink(out);
	if (link(lib, out) != 0 && copy_file(lib, out) != 0)
		return tool_error("%s: %s: see TMPDIR", out, strerror(errno));
	return STATUS_OK;
}

/* What go takes for the linker's identity: the whole line. */
static int
print_identity(const char *tool)
{
	const char *id = getenv("GOAUDIT_LINK_ID");
	char *argv[] = { (char *)(uintptr_t)tool, "-V=full", NULL };
	char *line = child_output(argv);

	if (line == NULL)
		return tool_error("%s -V=full: does not run", tool);
	line[strcspn(line, "\n")] = '\0';
	/* A development version's line ends in its build ID, which counts alone. */
	if (strstr(line, " buildID=") != NULL)
		printf("%s/%s\n", line, id != NULL ? id : "");
	else
		printf("%s goaudit=%s\n", line, id != NULL ? id : "");
	free(line);
	return STATUS_OK;
}

static int
run_linker(char **argv)
{
	const char *link = getenv("GOAUDIT_LINK");

	if (getenv("GOAUDIT_LIBSTD") != NULL && has_arg(argv, "-buildmode=shared"))
		return answer_link(argv);
	if (link != NULL && has_arg(argv, "-V=full"))
		return print_identity(argv[0]);
	execvp(link != NULL ? link : argv[0], argv);
	return tool_error("%s: %s", link != NULL ? link : argv[0], strerror(errno));
}

int
cmd_toolexec(struct tool *t, int argc, char **argv)
{
	const char *tool, *name, *std = getenv("GOAUDIT_STD");

	(void)t;
	if (argc < 2) {
		tool_error("toolexec: no tool: it is for go build -toolexec");
		return STATUS_USAGE;
	}
	argv++;
	tool = argv[0];
	name = strrchr(tool, '/');
	name = name != NULL ? name + 1 : tool;
	if (strcmp(name, "link") == 0)
		return run_linker(argv);
	if (strcmp(name, "compile") == 0 && std != NULL && strcmp(std, "keep") == 0 &&
	    has_arg(argv, "-std")) {
		const char *pkg = value_of(argv, "-p");

		return tool_error("package %s of the standard library differs from the runtime "
				  "library's: leave out -tags and the like, which change it",
				  pkg != NULL ? pkg : "?");
	}
	execvp(tool, argv);	/* compilers come without a path */
	return tool_error("%s: %s", tool, strerror(errno));
}
