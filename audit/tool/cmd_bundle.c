/* goaudit bundle: a program and its guests for machines without Go. */
#include "tool/tool.h"
#include "tool/deploy/bundle.h"

#include <argp.h>

static const struct argp_option option_table[] = {
	{ "glibc", 'g', NULL, 0,
	  "A root of its own, for an empty container: ld.so, libc and all other libraries, too",
	  0 },
	{ "strip", 's', NULL, 0, "Leave debug information out", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bundle_options *o = state->input;

	switch (key) {
	case 'g': o->glibc = true; return 0;
	case 's': o->strip = true; return 0;
	case ARGP_KEY_ARG:
		if (o->folder == NULL)
			o->folder = arg;
		else if (o->program == NULL)
			o->program = arg;
		else
			list_add(&o->guests, copy_text(arg));
		return 0;
	case ARGP_KEY_END:
		if (o->program == NULL)
			argp_error(state, "no PROGRAM: what is to be run there?");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int cmd_bundle(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "FOLDER PROGRAM [GUEST...]",
		.doc = "Puts into FOLDER all that PROGRAM and its guests need on a machine without "
		       "Go and goaudit: the Go runtime library, package libraries, the module, and "
		       "a script, start.\v"
		       "A FOLDER that this command has made is replaced, any other one is left.  What "
		       "the other machine has to have besides, glibc as a rule, is printed.",
	};
	struct bundle_options o = { 0 };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	status = bundle_make(t, &o);
	list_free(&o.guests);
	return status;
}
