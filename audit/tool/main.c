/* goaudit: builds what the audit module loads, and looks at what it does. */
#include "tool/tool.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef GOAUDIT_LIB_FROM_BIN
#define GOAUDIT_LIB_FROM_BIN "../lib"
#endif
#define PRIVATE_FOLDER "goaudit"	/* in LIBDIR: what nobody else links with */

__attribute__((visibility("default")))	/* argp looks for it by its name */
const char *argp_program_version = "goaudit " GOAUDIT_VERSION;

static const struct command commands[] = {
	{ "runtime", "build, find or remove the shared Go runtime library", cmd_runtime },
	{ "build", "build a Go package as a guest: go build for shared libraries", cmd_build },
	{ "inspect", "say whether and how a library reloads, and why not", cmd_inspect },
	{ "status", "show what running processes have loaded", cmd_status },
	{ "run", "run a program that can reload libraries", cmd_run },
	{ "watch", "run a program, and build its guest anew at each save", cmd_watch },
	{ "toolexec", NULL, cmd_toolexec },	/* called by go build, not by people */
	{ NULL, NULL, NULL },
};

/* In the build tree beside this program, in an installed one in LIBDIR, which
 * is known by its way from BINDIR: the whole may have been moved. */
static char *
find_part(const char *dir, const char *built, const char *installed)
{
	char *path = format("%s/%s", dir, built), *real;

	if (!file_exists(path)) {
		free(path);
		path = format("%s/" GOAUDIT_LIB_FROM_BIN "%s", dir, installed);
	}
	real = realpath(path, NULL);
	free(path);
	return real;
}

static int
open_self(struct tool *t)
{
	char path[4096], *dir, *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n < 0)
		return tool_error("/proc/self/exe: %s: mount /proc", strerror(errno));
	path[n] = '\0';
	t->exe = copy_text(path);
	dir = path;
	slash = strrchr(dir, '/');
	*slash = '\0';
	t->overlay = find_part(dir, "overlay", "/" PRIVATE_FOLDER "/overlay");
	t->linker = find_part(dir, "linker", "/" PRIVATE_FOLDER "/linker");
	t->module = find_part(dir, "libgoaudit.so", "/libgoaudit.so");
	t->go = getenv("GO");
	if (t->go == NULL || *t->go == '\0')
		t->go = "go";
	t->tty = isatty(2);
	return STATUS_OK;
}

int
tool_open_cache(struct tool *t)
{
	const char *own = getenv("GOAUDIT_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char *path, *real;

	if (own != NULL && *own != '\0')
		path = copy_text(own);
	else if (xdg != NULL && *xdg == '/')	/* others are to be ignored, says its text */
		path = format("%s/goaudit", xdg);
	else if (home != NULL && *home != '\0')
		path = format("%s/.cache/goaudit", home);
	else
		return tool_error("cache folder: HOME is not set: set GOAUDIT_CACHE");
	if (make_dirs(path) != 0 || (real = realpath(path, NULL)) == NULL) {
		tool_error("%s: %s: set GOAUDIT_CACHE to a folder that can be written",
			   path, strerror(errno));
		free(path);
		return STATUS_FAILED;
	}
	free(path);
	t->cache = real;
	return STATUS_OK;
}

static char *
help_filter(int key, const char *text, void *input)
{
	struct text out = { 0 };

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	text_puts(&out, "Commands:\n");
	for (const struct command *c = commands; c->name != NULL; c++) {
		char *line;

		if (c->summary == NULL)
			continue;
		line = format("  %-10s %s\n", c->name, c->summary);
		text_puts(&out, line);
		free(line);
	}
	text_puts(&out, "\n`goaudit COMMAND --help' tells about one.");
	return out.s;
}

struct chosen {
	int at;		/* index of the command in argv; 0: none */
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *c = state->input;

	(void)arg;
	if (key == ARGP_KEY_ARG) {
		/* The rest is the command's. */
		c->at = state->next - 1;
		state->next = state->argc;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int
run_command(struct tool *t, int argc, char **argv)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, argv[0]) == 0) {
			argv[0] = format("goaudit %s", c->name);
			return c->run(t, argc, argv);
		}
	tool_error("%s: no such command: see goaudit --help", argv[0]);
	return STATUS_USAGE;
}

int
main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Builds Go shared libraries that a C program can load, close and "
		       "reload, over one shared Go runtime library; runs such programs, and "
		       "looks into them.\v ",
		.help_filter = help_filter,
	};
	struct chosen chosen = { 0 };
	struct tool t = { 0 };
	int status;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (chosen.at == 0) {
		tool_error("no command: see goaudit --help");
		return STATUS_USAGE;
	}
	status = open_self(&t);
	if (status == STATUS_OK)
		status = run_command(&t, argc - chosen.at, argv + chosen.at);
	if (fflush(stdout) != 0)
		status = tool_error("standard output: %s", strerror(errno));
	free(t.exe);
	free(t.cache);
	free(t.overlay);
	free(t.linker);
	free(t.module);
	return status;
}
