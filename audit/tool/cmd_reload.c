/* goaudit reload: has a running process take its guests' new builds. */
#include "tool/tool.h"
#include "core/control.h"
#include "tool/live/ask.h"

#include <argp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	bool json;
	pid_t pid;
	struct list guests;
	size_t shown, failed; /* answers */
};

static const struct argp_option option_table[] = {
	{ "json", 'j', NULL, 0, "Print JSON: an array of one object for each guest", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;
	long pid;

	switch (key) {
	case 'j': o->json = true; return 0;
	case ARGP_KEY_ARG:
		if (o->pid != 0) {
			list_add(&o->guests, copy_text(arg));
			return 0;
		}
		pid = strtol(arg, &end, 10);
		if (pid <= 0 || pid > INT_MAX || *end != '\0')
			argp_error(state, "%s: not a process id", arg);
		o->pid = (pid_t)pid;
		return 0;
	case ARGP_KEY_END:
		if (o->pid == 0)
			argp_error(state, "no PID: goaudit status lists them");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void print_json(struct options *o, const char *kind, const char *path, const char *text)
{
	bool failed = strcmp(kind, CONTROL_FAILED) == 0;
	struct text t = { 0 };

	text_puts(&t, o->shown > 0 ? ",\n  {\"path\": " : "\n  {\"path\": ");
	text_json(&t, path);
	text_puts(&t, ", \"result\": ");
	text_json(&t, kind);
	text_puts(&t, failed ? ", \"error\": " : ", \"generation\": ");
	if (failed)
		text_json(&t, text);
	else
		text_puts(&t, text);
	text_puts(&t, "}");
	fputs(t.s, stdout);
	free(t.s);
}

static void print(const char *kind, const char *path, const char *text, void *arg)
{
	struct options *o = arg;
	bool failed = strcmp(kind, CONTROL_FAILED) == 0;

	if (o->json)
		print_json(o, kind, path, text);
	else if (failed)
		fprintf(stderr, "goaudit: %s\n", text); /* of the same shape */
	else if (strcmp(kind, CONTROL_NEW) == 0)
		printf("%s: generation %s\n", path, text);
	else
		printf("%s: unchanged, generation %s\n", path, text);
	o->shown++;
	o->failed += failed;
}

/* A path is made absolute, as the process has it; a bare name is as good. */
static int reload(struct options *o, const char *name)
{
	char *path = strchr(name, '/') != NULL ? realpath(name, NULL) : NULL;
	int n = ask_reload(o->pid, path != NULL ? path : name, print, o);

	free(path);
	if (n == 0 && *name != '\0')
		tool_error(
			"%s: process %d has no such guest open: goaudit status %d lists them",
			name, (int)o->pid, (int)o->pid);
	else if (n == 0)
		tool_error("process %d: it has no guest open", (int)o->pid);
	return n > 0 ? STATUS_OK : STATUS_FAILED;
}

int cmd_reload(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "PID [GUEST...]",
		.doc = "Has a running process take the new builds of its open guests, or of those "
		       "named, by path or by the last part of it.\v"
		       "The process has been started by goaudit run, or with GOAUDIT_CONTROL=1.  "
		       "One that may not be looked into by this user may not be asked either.  "
		       "The exit status is 1 if a guest was not reloaded: its old build goes on.",
	};
	struct options o = { 0 };
	int status = STATUS_OK;

	(void)t;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.json)
		putchar('[');
	if (o.guests.n == 0)
		status = reload(&o, "");
	for (size_t i = 0; i < o.guests.n; i++)
		if (reload(&o, o.guests.item[i]) != STATUS_OK)
			status = STATUS_FAILED;
	if (o.json)
		puts(o.shown > 0 ? "\n]" : "]");
	list_free(&o.guests);
	return o.failed > 0 ? STATUS_FAILED : status;
}
