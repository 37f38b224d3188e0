/* goaudit dfly: a Go program for DragonFly BSD, run by goaudit-dfly (dfly/). */
#include "tool/tool.h"
#include "tool/base/error.h"
#include "tool/base/text.h"
#include "tool/live/launch.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERRNO_MAX 99 /* DragonFly's ELAST */

struct options {
	bool trace, by_signal;
	int fail_settls; /* 0: it does not fail */
	int at;          /* index of the program in argv */
};

static const struct argp_option option_table[] = {
	{ "trace", 't', NULL, 0, "Show its system calls on standard error, as truss(1) does",
	  0 },
	{ "signals", 's', NULL, 0,
	  "Leave its text as it is, so that each system call costs a signal", 0 },
	{ "fail-settls", 'f', "ERRNO", 0,
	  "Let the system call that sets the thread pointer fail; 45 is EOPNOTSUPP", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;
	long n;

	switch (key) {
	case 't': o->trace = true; return 0;
	case 's': o->by_signal = true; return 0;
	case 'f':
		n = strtol(arg, &end, 10);
		if (*arg == '\0' || *end != '\0' || n < 1 || n > ERRNO_MAX)
			argp_error(state, "%s: not an errno of DragonFly's: give 1 to %d", arg,
				   ERRNO_MAX);
		o->fail_settls = (int)n;
		return 0;
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

/* Its options, the program's name for itself, its file, and its arguments. */
static void execute(struct tool *t, const struct options *o, char *path, char **argv)
{
	struct list v = { 0 };

	list_add(&v, copy_text("goaudit-dfly"));
	if (o->trace)
		list_add(&v, copy_text("-t"));
	if (o->by_signal)
		list_add(&v, copy_text("-s"));
	if (o->fail_settls > 0) {
		list_add(&v, copy_text("-f"));
		list_add(&v, format("%d", o->fail_settls));
	}
	list_add(&v, copy_text("-0"));
	list_add(&v, copy_text(argv[0]));
	list_add(&v, copy_text("--"));
	list_add(&v, path);
	for (char **a = argv + 1; *a != NULL; a++)
		list_add(&v, copy_text(*a));
	execv(t->dfly, v.item);
	tool_error("%s: %s", t->dfly, strerror(errno));
	list_free(&v);
}

int cmd_dfly(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[--] PROGRAM [ARGUMENT...]",
		.doc = "Runs a Go program that was built with GOOS=dragonfly.\v"
		       "The exit status is PROGRAM's; 126 if it cannot be run so, 127 if it is "
		       "not found.  For tests: GOOS=dragonfly go test -exec 'goaudit dfly'",
	};
	struct options o = { 0 };
	char *path;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	if (t->dfly == NULL) {
		tool_error(
			"goaudit-dfly: not found beside goaudit: install it with make install");
		return 126;
	}
	path = find_program(argv[o.at]);
	if (path == NULL) {
		tool_error("%s: no such program: give its path", argv[o.at]);
		return 127;
	}
	execute(t, &o, path, argv + o.at);
	return 126;
}
