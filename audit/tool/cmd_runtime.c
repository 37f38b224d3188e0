/* goaudit runtime: builds, finds, lists and removes runtime libraries. */
#include "tool/tool.h"
#include "tool/build/pkgdir.h"
#include "tool/runtime/build.h"
#include "tool/runtime/cached.h"
#include "tool/runtime/locate.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	enum { BUILD, PRINT, LIST, CLEAN } what;
	bool json, keep;
	struct list keys; /* --clean: only these */
};

static const struct argp_option option_table[] = {
	{ "print", 'p', NULL, 0, "Print the path of libstd.so only", 0 },
	{ "list", 'l', NULL, 0, "List the libraries in the cache", 0 },
	{ "json", 'j', NULL, 0, "With --list: as JSON", 0 },
	{ "clean", 'c', NULL, 0, "Remove the libraries named by KEY, or all", 0 },
	{ "keep-current", 'k', NULL, 0, "With --clean: not the one for the go command in PATH",
	  0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'p': o->what = PRINT; return 0;
	case 'l': o->what = LIST; return 0;
	case 'c': o->what = CLEAN; return 0;
	case 'j': o->json = true; return 0;
	case 'k': o->keep = true; return 0;
	case ARGP_KEY_ARG: list_add(&o->keys, copy_text(arg)); return 0;
	case ARGP_KEY_END:
		if (o->json && o->what != LIST)
			argp_error(state, "--json goes with --list");
		if (o->keep && o->what != CLEAN)
			argp_error(state, "--keep-current goes with --clean");
		if (o->keys.n > 0 && o->what != CLEAN)
			argp_error(state, "%s: unexpected: a KEY goes with --clean",
				   o->keys.item[0]);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static int clean(struct tool *t, struct list *keys, bool keep)
{
	int status = tool_open_cache(t);
	char *current;

	if (status != STATUS_OK)
		return status;
	current = keep ? cached_current(t) : NULL;
	if (keep && current == NULL)
		return tool_error("--keep-current: %s: cannot be run: set GO to the go command",
				  t->go);
	if (keys->n == 0)
		cached_keys(t, keys);
	for (size_t i = 0; i < keys->n; i++) {
		if (current != NULL && strcmp(keys->item[i], current) == 0)
			continue;
		if (cached_remove(t, keys->item[i]) != STATUS_OK)
			status = STATUS_FAILED;
		else
			printf("removed %s\n", keys->item[i]);
	}
	view_sweep(t);
	free(current);
	return status;
}

static int build(struct tool *t, bool print)
{
	struct runtime rt;
	int status = runtime_locate(t, &rt);

	if (status == STATUS_OK)
		status = runtime_ensure(t, &rt, RUNTIME_QUIET);
	if (status == STATUS_OK && print)
		puts(rt.libstd);
	else if (status == STATUS_OK)
		printf("runtime %s: %s\n", rt.version, rt.libstd);
	runtime_free(&rt);
	return status;
}

int cmd_runtime(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[--clean KEY...]",
		.doc = "Builds the shared Go runtime library for the go command in PATH "
		       "(or $GO), once per toolchain, and says where it is.\v"
		       "Libraries are kept in $GOAUDIT_CACHE, or in goaudit in "
		       "$XDG_CACHE_HOME or ~/.cache.",
	};
	struct options o = { .what = BUILD };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.what == LIST)
		status = cached_print(t, o.json);
	else if (o.what == CLEAN)
		status = clean(t, &o.keys, o.keep);
	else
		status = build(t, o.what == PRINT);
	list_free(&o.keys);
	return status;
}
