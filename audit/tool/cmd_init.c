/* goaudit init: package goaudit/guest for a module. */
#include "tool/tool.h"
#include "tool/deploy/vendor.h"

#include <argp.h>

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **folder = state->input;

	if (key != ARGP_KEY_ARG || *folder != NULL)
		return ARGP_ERR_UNKNOWN;
	*folder = arg;
	return 0;
}

int cmd_init(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[FOLDER]",
		.doc = "Puts package goaudit/guest, which Go programs open guests by, into the module "
		       "that FOLDER (by default this one) is in, so that it builds for everybody who "
		       "has the module: a copy in internal/goaudit-guest, to be committed.\v"
		       "Without goaudit, on other systems and without cgo, programs build with it, "
		       "too; what they open then is an error that says what is missing.",
	};
	const char *folder = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, &folder);
	return vendor_package(t, folder != NULL ? folder : ".");
}
