/* goaudit inspect: what is known of libraries and programs before they run. */
#include "tool/tool.h"
#include "tool/inspect/inspect.h"
#include "tool/inspect/print.h"

#include <argp.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
	bool json, quiet, strict;
	const char *host, *runtime;
	struct list files;
};

static const struct argp_option option_table[] = {
	{ "host", 'H', "PROGRAM", 0, "Also say what goes wrong between FILE and this program",
	  0 },
	{ "runtime", 'r', "LIBSTD", 0, "The Go runtime library that the process has", 0 },
	{ "json", 'j', NULL, 0, "Print JSON: an array of one object for each image", 0 },
	{ "quiet", 'q', NULL, 0, "Print nothing: the exit status tells", 0 },
	{ "strict", 's', NULL, 0, "Fail on warnings too", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'H': o->host = arg; return 0;
	case 'r': o->runtime = arg; return 0;
	case 'j': o->json = true; return 0;
	case 'q': o->quiet = true; return 0;
	case 's': o->strict = true; return 0;
	case ARGP_KEY_ARG: list_add(&o->files, copy_text(arg)); return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no FILE: name libraries, programs or folders");
		return EINVAL;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A folder stands for the ELF files in it; what else there is does not matter. */
static int expand(const char *path, struct list *out)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	struct stat st;
	FTSENT *e;
	FTS *fts;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		list_add(out, copy_text(path));
		return STATUS_OK;
	}
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (fts == NULL)
		return tool_error("%s: %s", path, strerror(errno));
	while ((e = fts_read(fts)) != NULL)
		if (e->fts_info == FTS_F && object_is_elf(e->fts_path))
			list_add(out, copy_text(e->fts_path));
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			tool_error("%s: %s", e->fts_path, strerror(e->fts_errno));
	fts_close(fts);
	return STATUS_OK;
}

static int inspect_all(struct tool *t, struct inspector *in, const struct options *o,
		       const struct list *files)
{
	bool show = t->tty && files->n > 8 && !isatty(1), colour = isatty(1);
	int status = STATUS_OK;

	if (o->json)
		putchar('[');
	for (size_t i = 0; i < files->n; i++) {
		struct report r;

		if (show)
			fprintf(stderr, "\r%zu of %zu ", i + 1, files->n);
		inspect_file(in, files->item[i], &r);
		if (o->json)
			report_json(&r, i == 0);
		else if (!o->quiet)
			report_print(&r, colour);
		if (r.worst == LEVEL_REFUSED || (o->strict && r.worst == LEVEL_WARNING))
			status = STATUS_FAILED;
		report_free(&r);
	}
	if (show)
		fputs("\r\033[K", stderr);
	if (o->json)
		puts(files->n > 0 ? "\n]" : "]");
	return status;
}

int cmd_inspect(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "FILE|FOLDER...",
		.doc = "Says of libraries whether they can be reloaded, and of programs whether "
		       "they can be hosts: what each is, what stands against it and what to do.\v"
		       "A FOLDER stands for the ELF files beneath it.  Nothing is loaded or run.\n\n"
		       "The exit status is 0 if all will do, 1 if one will not, 2 if the command "
		       "line is wrong.",
	};
	struct inspector in = { .files = true };
	struct list files = { 0 };
	struct options o = { 0 };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	status = tool_open_cache(t);
	in.cache = t->cache;
	if (status == STATUS_OK && o.host != NULL)
		status = inspector_set_host(&in, o.host);
	if (status == STATUS_OK && o.runtime != NULL)
		status = inspector_set_runtime(&in, o.runtime);
	for (size_t i = 0; status == STATUS_OK && i < o.files.n; i++)
		status = expand(o.files.item[i], &files);
	if (status == STATUS_OK)
		status = inspect_all(t, &in, &o, &files);
	list_free(&files);
	list_free(&o.files);
	inspector_free(&in);
	return status;
}
