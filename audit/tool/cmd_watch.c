/* goaudit watch: runs a host, and builds its guest anew at each save. */
#include "tool/tool.h"
#include "tool/live/session.h"

#include <argp.h>
#include <string.h>

struct options {
	struct host_options host;
	struct watch_options watch;
	int at; /* index of the program in argv */
};

static const struct argp_option option_table[] = {
	{ "output", 'o', "FILE.so", 0, "The guest that is built (default: the folder's name)",
	  0 },
	{ "program", 'p', "FOLDER", 0,
	  "Build PROGRAM from the Go package there, first and when a shared package changes",
	  0 },
	{ "reloadable", 'r', "GLOB", 0, "As with goaudit run, beside the guest itself", 0 },
	{ "log", 'l', "FILE", OPTION_ARG_OPTIONAL, "As with goaudit run", 0 },
	{ "here-only", 'H', NULL, 0, "As with goaudit run", 0 },
	{ 0 },
};

/* Flags of go build, which stand first; "=": with a value. */
static const char *const build_flags[] = {
	"a",    "asan",   "asmflags=", "gcflags=", "ldflags=", "mod=", "modfile=",
	"pgo=", "share=", "tags=",     "trimpath", "v",        "x",
};

/* How many arguments it is, with its value; 0: no such flag. */
static int flag_at(char *const *argv)
{
	const char *name = argv[0] != NULL && argv[0][0] == '-' ? argv[0] + 1 : "";
	size_t n;

	name += *name == '-';
	n = strcspn(name, "=");
	for (size_t i = 0; n > 0 && i < sizeof build_flags / sizeof *build_flags; i++) {
		const char *flag = build_flags[i];

		if (strcspn(flag, "=") != n || strncmp(flag, name, n) != 0)
			continue;
		return flag[n] == '=' && name[n] == '\0' && argv[1] != NULL ? 2 : 1;
	}
	return 0;
}

static int take_flags(struct list *flags, int argc, char **argv)
{
	int from = 1;

	for (int n; (n = flag_at(argv + from)) > 0; from += n)
		for (int i = 0; i < n; i++)
			list_add(flags, copy_text(argv[from + i]));
	memmove(argv + 1, argv + from, (size_t)(argc - from + 1) * sizeof *argv);
	return argc - from + 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o': o->watch.out = arg; return 0;
	case 'p': o->watch.program = arg; return 0;
	case 'r': list_add(&o->host.globs, copy_text(arg)); return 0;
	case 'l': o->host.log = host_log(arg); return 0;
	case 'H': o->host.here_only = true; return 0;
	case ARGP_KEY_ARG:
		/* Options may stand between the two. */
		if (o->watch.package == NULL) {
			o->watch.package = arg;
			return 0;
		}
		o->at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (o->watch.package == NULL)
			argp_error(state, "no FOLDER: which package is to be built?");
		else if (o->at == 0)
			argp_error(state, "no PROGRAM: what is to be run?");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int cmd_watch(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "FOLDER [--] PROGRAM [ARGUMENT...]",
		.doc = "Builds the Go package in FOLDER as a guest, with the flags of go build that stand before "
		       "all else, runs PROGRAM with "
		       "libgoaudit.so, and builds the guest anew at each change of its "
		       "sources.\v"
		       "The program takes a new build while the guest is open, since GOAUDIT_WATCH in "
		       "its environment names the file, or when it opens the guest again; a line "
		       "tells when it has.  Build errors are shown, and the old build goes on.  "
		       "The exit status is PROGRAM's.",
	};
	struct options o = { 0 };

	argc = take_flags(&o.watch.flags, argc, argv);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	return watch_and_run(t, &o.host, &o.watch, argv + o.at);
}
