/* goaudit: builds what the audit module loads, and looks at what it does. */
#include "tool/tool.h"

#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((visibility("default"))) /* argp looks for it by its name */
const char *argp_program_version = "goaudit " GOAUDIT_VERSION;

static const struct command commands[] = {
	{ "runtime", "build, find or remove the shared Go runtime library", cmd_runtime },
	{ "build", "build a Go package as a guest: go build for shared libraries", cmd_build },
	{ "bundle", "put a program and its guests together for another machine", cmd_bundle },
	{ "init", "put package goaudit/guest into a Go module", cmd_init },
	{ "inspect", "say whether and how a library reloads, and why not", cmd_inspect },
	{ "status", "show what running processes have loaded", cmd_status },
	{ "run", "run a program that can reload libraries", cmd_run },
	{ "reload", "have a running process take new builds of its guests", cmd_reload },
	{ "watch", "run a program, and build its guest anew at each save", cmd_watch },
	{ "dfly", "run a Go program that was built for DragonFly BSD", cmd_dfly },
	{ "toolexec", NULL, cmd_toolexec }, /* called by go build, not by people */
	{ NULL, NULL, NULL },
};

static char *help_filter(int key, const char *text, void *input)
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
	int at; /* index of the command in argv; 0: none */
};

static error_t parse(int key, char *arg, struct argp_state *state)
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

/* How many letters have to be put in, left out or changed, or to change places with the next
 * one (the optimal string alignment distance); names are short. */
static unsigned distance(const char *a, const char *b)
{
	enum { LONGEST = 15 };
	unsigned d[LONGEST + 1][LONGEST + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (size_t i = 0; i <= n; i++)
		for (size_t k = 0; k <= m; k++) {
			unsigned best = i == 0 ? (unsigned)k : k == 0 ? (unsigned)i : LONGEST;

			if (i > 0 && k > 0) {
				unsigned changed = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);

				best = d[i - 1][k] + 1 < d[i][k - 1] + 1 ? d[i - 1][k] + 1 :
									   d[i][k - 1] + 1;
				best = changed < best ? changed : best;
			}
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    d[i - 2][k - 2] + 1 < best)
				best = d[i - 2][k - 2] + 1;
			d[i][k] = best;
		}
	return d[n][m];
}

static int no_such_command(const char *name)
{
	const struct command *near = NULL;

	for (const struct command *c = commands; c->name != NULL; c++)
		if (c->summary != NULL && distance(name, c->name) <= 2 &&
		    (near == NULL || distance(name, c->name) < distance(name, near->name)))
			near = c;
	if (near != NULL)
		tool_error("%s: no such command: did you mean goaudit %s?", name, near->name);
	else
		tool_error("%s: no such command: see goaudit help", name);
	return STATUS_USAGE;
}

static int run_command(struct tool *t, int argc, char **argv)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, argv[0]) == 0) {
			argv[0] = format("goaudit %s", c->name);
			if (argc > 1 && strcmp(argv[1], "-h") == 0)
				argv[1] = copy_text("--help");
			return c->run(t, argc, argv);
		}
	return no_such_command(argv[0]);
}

/* "help", "help COMMAND", "version", "-h" and nothing at all are what people try first. */
static void translate(int *argc, char **argv)
{
	if (*argc < 2)
		return;
	if (strcmp(argv[1], "version") == 0)
		argv[1] = copy_text("--version");
	else if (strcmp(argv[1], "-h") == 0 || (strcmp(argv[1], "help") == 0 && *argc == 2))
		argv[1] = copy_text("--help");
	else if (strcmp(argv[1], "help") == 0) {
		argv[1] = argv[2];
		argv[2] = copy_text("--help");
		*argc = 3;
		argv[3] = NULL;
	}
}

int main(int argc, char **argv)
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

	translate(&argc, argv);
	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (chosen.at == 0) {
		argp_help(&argp, stderr, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK,
			  (char *)(uintptr_t) "goaudit");
		return STATUS_USAGE;
	}
	status = tool_open(&t);
	if (status == STATUS_OK)
		status = run_command(&t, argc - chosen.at, argv + chosen.at);
	if (fflush(stdout) != 0)
		status = tool_error("standard output: %s", strerror(errno));
	tool_close(&t);
	return status;
}
