/* goaudit run: a program under the audit module. */
#include "tool/tool.h"
#include "tool/live/launch.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	struct host_options host;
	int at; /* index of the program in argv */
};

static const struct argp_option option_table[] = {
	{ "reloadable", 'r', "GLOB", 0,
	  "Open libraries whose path or name matches as reloadable; may be repeated", 0 },
	{ "log", 'l', "FILE", OPTION_ARG_OPTIONAL,
	  "Log what the module does, to standard error or FILE", 0 },
	{ "here-only", 'H', NULL, 0, "Keep the module from the program's children", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'r': list_add(&o->host.globs, copy_text(arg)); return 0;
	case 'l': o->host.log = host_log(arg); return 0;
	case 'H': o->host.here_only = true; return 0;
	case ARGP_KEY_ARG:
		o->at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (o->at == 0)
			argp_error(state, "no PROGRAM: what is to be run?");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int cmd_run(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[--] PROGRAM [ARGUMENT...]",
		.doc = "Runs PROGRAM with libgoaudit.so, after a look at whether the two fit.\v"
		       "The exit status is PROGRAM's; 126 if it cannot be run so, 127 if it is "
		       "not found.",
	};
	struct options o = { 0 };
	char *path = NULL;
	int status;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	status = host_check(t, &o.host, argv[o.at], &path);
	if (status == STATUS_OK)
		status = host_environment(t, &o.host);
	if (status != STATUS_OK)
		return status;
	execv(path, argv + o.at);
	/* Without "#!" it is a script for the shell, as with execvp. */
	if (errno == ENOEXEC)
		execvp(argv[o.at], argv + o.at);
	tool_error("%s: %s", path, strerror(errno));
	return 126;
}
