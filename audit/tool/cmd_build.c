/* goaudit build: go build for guests. */
#include "tool/tool.h"
#include "tool/build/many.h"
#include "tool/runtime/build.h"
#include "tool/runtime/locate.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct argp help = {
	.args_doc = "[-o FILE.so|FOLDER/] [-exe] [-share PATTERN,...] "
		    "[GO-BUILD-FLAG...] [PACKAGE...]",
	.doc = "Builds a Go package as a guest: a shared library without a Go runtime of "
	       "its own, which runs over the one that `goaudit runtime' builds (and which "
	       "is built first, if need be).  With -exe, builds a program that runs over it "
	       "and can open guests.\v"
	       "With -share deps, packages of other modules are in a library that guests and "
	       "such a program have in common; -share ./api does so with one of your own.\n"
	       "Flags are those of go build.  FILE.so is by default the package's folder, "
	       "with .so; the C header goes beside it.  Of several packages, or a pattern like "
	       "./..., each main package becomes a guest of its own.",
};

static bool wants_help(char **argv)
{
	for (; *argv != NULL && (*argv)[0] == '-'; argv++)
		if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-help") == 0 ||
		    strcmp(*argv, "-h") == 0 || strcmp(*argv, "-?") == 0)
			return true;
	return false;
}

int cmd_build(struct tool *t, int argc, char **argv)
{
	struct goflags g = { 0 };
	struct runtime rt;
	int status;

	(void)argc;
	if (wants_help(argv + 1)) {
		argp_help(&help, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, argv[0]);
		return STATUS_OK;
	}
	status = runtime_locate(t, &rt);
	if (status == STATUS_OK)
		status = goflags_parse(&g, rt.goflags, argv + 1);
	if (status == STATUS_OK && g.dir != NULL && chdir(g.dir) != 0)
		status = tool_error("-C %s: %s", g.dir, strerror(errno));
	if (status == STATUS_OK)
		status = runtime_ensure(t, &rt, RUNTIME_ANNOUNCE);
	if (status == STATUS_OK)
		status = build_many(t, &rt, &g);
	goflags_free(&g);
	runtime_free(&rt);
	return status;
}
