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
	{ "inspect", "say whether and how a library reloads, and why not", cmd_inspect },
	{ "status", "show what running processes have loaded", cmd_status },
	{ "run", "run a program that can reload libraries", cmd_run },
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

static int run_command(struct tool *t, int argc, char **argv)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, argv[0]) == 0) {
			argv[0] = format("goaudit %s", c->name);
			return c->run(t, argc, argv);
		}
	tool_error("%s: no such command: see goaudit --help", argv[0]);
	return STATUS_USAGE;
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

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (chosen.at == 0) {
		tool_error("no command: see goaudit --help");
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
