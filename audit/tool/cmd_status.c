/* goaudit status: what processes under the audit module have loaded. */
#include "tool/tool.h"
#include "tool/live/build_info.h"
#include "tool/live/metrics.h"
#include "tool/live/packages.h"
#include "tool/live/process.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct options {
	bool json, watch, all, gone, metrics;
	struct list pids;
};

static const struct argp_option option_table[] = {
	{ "all", 'a', NULL, 0, "All processes that can be looked into (the default)", 0 },
	{ "gone", 'g', NULL, 0, "Also show generations that have been unmapped", 0 },
	{ "json", 'j', NULL, 0, "Print JSON: an array of one object for each process", 0 },
	{ "metrics", 'm', NULL, 0, "Print OpenMetrics text, for a collector", 0 },
	{ "watch", 'w', NULL, 0, "Show it anew each second, until the processes end", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char *end;

	switch (key) {
	case 'a': o->all = true; return 0;
	case 'g': o->gone = true; return 0;
	case 'j': o->json = true; return 0;
	case 'm': o->metrics = true; return 0;
	case 'w': o->watch = true; return 0;
	case ARGP_KEY_ARG:
		if (strtol(arg, &end, 10) <= 0 || *end != '\0')
			argp_error(state, "%s: not a process id", arg);
		list_add(&o->pids, copy_text(arg));
		return 0;
	case ARGP_KEY_END:
		if (o->all && o->pids.n > 0)
			argp_error(state, "--all and a PID: give one of them");
		if (o->metrics && (o->json || o->watch))
			argp_error(state, "--metrics stands alone: a collector asks again");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[GOAUDIT_FREE] = "free",
		[GOAUDIT_LOADING] = "loading",
		[GOAUDIT_INITIALISING] = "initialising",
		[GOAUDIT_OPEN] = "open",
		[GOAUDIT_PARKED] = "parked",
		[GOAUDIT_SUPERSEDED] = "superseded",
		[GOAUDIT_RETIRED] = "retired",
		[GOAUDIT_GONE] = "gone",
	};

	return state < sizeof names / sizeof *names ? names[state] : "unknown";
}

static int by_guest(const void *a, const void *b)
{
	const struct goaudit_generation *x = a, *y = b;

	return x->guest != y->guest ? (x->guest > y->guest) - (x->guest < y->guest) :
				      (x->number > y->number) - (x->number < y->number);
}

/* "1.2 MB", "3.4 ms", "12 s": three digits are enough. */
static const char *scaled(char buf[16], double value, double step, const char *const *units)
{
	while (value >= step && units[1] != NULL) {
		value /= step;
		units++;
	}
	snprintf(buf, 16, value < 10 ? "%.1f %s" : "%.0f %s", value, *units);
	return buf;
}

static const char *bytes_text(char buf[16], uint64_t bytes)
{
	static const char *const units[] = { "KB", "MB", "GB", NULL };

	return scaled(buf, (double)bytes / 1024, 1024, units);
}

static const char *time_text(char buf[16], uint64_t ns)
{
	static const char *const units[] = { "us", "ms", "s", NULL };

	return scaled(buf, (double)ns / 1000, 1000, units);
}

static const char *age_text(char buf[16], uint64_t opened_at)
{
	struct timespec now;
	uint64_t s;

	clock_gettime(CLOCK_REALTIME, &now);
	s = (uint64_t)now.tv_sec - opened_at / 1000000000;
	if (opened_at == 0 || s > 1000000000)
		return "-";
	snprintf(buf, 16,
		 s < 60    ? "%.0f s" :
		 s < 3600  ? "%.0f min" :
		 s < 86400 ? "%.1f h" :
			     "%.1f d",
		 s < 60    ? (double)s :
		 s < 3600  ? (double)s / 60 :
		 s < 86400 ? (double)s / 3600 :
			     (double)s / 86400);
	return buf;
}

/* All that was found to hold it, a line each; a module that is older says one only. */
static void print_holders(const struct goaudit_generation *g)
{
	const char *line = g->holders[0] != '\0' ? g->holders : g->holder_text;
	const char *who = "held by";
	int n;

	for (; *line != '\0'; line += n + (line[n] != '\0')) {
		n = (int)strcspn(line, "\n");
		printf("              %s ", who);
		if (who[0] == 'h' && g->goroutine != 0)
			printf("goroutine %llu: ", (unsigned long long)g->goroutine);
		printf("%.*s", n, line);
		if (who[0] == 'h')
			printf(" (checked %llu times)", (unsigned long long)g->attempts);
		putchar('\n');
		who = "and by";
	}
}

static void print_generation(const struct goaudit_generation *g)
{
	char size[16], age[16], load[16], instance[16] = "";

	if (g->instance)
		snprintf(instance, sizeof instance, "#%u", g->instance);
	printf("  %5u %4u  %-12s %5u  %8s %8s %8s  %s%s%s\n", g->guest, g->number,
	       state_name(g->state), g->references, bytes_text(size, g->hi - g->lo),
	       age_text(age, g->opened_at),
	       time_text(load, g->snapshot_ns + g->load_ns + g->init_ns), g->path, instance,
	       g->is_go ? "" : " (not Go)");
	/* One that has been replaced since tells only what was. */
	if (g->failed_at != 0 && (g->state == GOAUDIT_OPEN || g->state == GOAUDIT_PARKED))
		printf("              the last reload failed %s ago: %s\n",
		       age_text(age, g->failed_at), g->failure);
	if (g->state == GOAUDIT_RETIRED && g->holder_text[0] != '\0')
		print_holders(g);
}

static void print_libraries(pid_t pid)
{
	struct live_libraries all;

	live_libraries(pid, &all);
	for (size_t i = 0; i < all.n; i++) {
		const struct list *packages = &all.item[i].packages;

		printf("  packages %s:\n", all.item[i].path);
		for (size_t k = 0; k < packages->n; k++) /* without the build's ID */
			printf("    %.*s\n",
			       (int)(strrchr(packages->item[k], ' ') - packages->item[k]),
			       packages->item[k]);
	}
	live_libraries_free(&all);
}

static void print_process(const struct process *p, bool gone)
{
	size_t hidden = 0;
	char start[16];

	printf("%d %s\n", (int)p->pid, p->command);
	if (p->head.go_running)
		printf("  runtime %s, started in %s: %s\n", p->head.runtime.version,
		       time_text(start, p->head.runtime.start_ns), p->head.runtime.path);
	print_libraries(p->pid);
	if (p->head.refusal[0] != '\0')
		printf("  reloading is off: %s\n", p->head.refusal);
	if (p->n > 0)
		printf("  guest  gen  state        opens      size      age   loaded  file\n");
	for (size_t i = 0; i < p->n; i++)
		if (gone || p->records[i].state != GOAUDIT_GONE)
			print_generation(&p->records[i]);
		else
			hidden++;
	if (hidden > 0)
		printf("  %zu gone\n", hidden);
	if (p->n == 0)
		printf("  no guest has been opened\n");
}

static void json_number(struct text *t, const char *name, uint64_t value)
{
	char *s = format("%s\"%s\": %llu", t->s[t->n - 1] == '{' ? "" : ", ", name,
			 (unsigned long long)value);

	text_puts(t, s);
	free(s);
}

static void json_text(struct text *t, const char *name, const char *value)
{
	text_puts(t, t->s[t->n - 1] == '{' ? "\"" : ", \"");
	text_puts(t, name);
	text_puts(t, "\": ");
	text_json(t, value);
}

static void json_generation(struct text *t, pid_t pid, const struct goaudit_generation *g)
{
	char *info =
		g->is_go && g->state != GOAUDIT_GONE ? live_build_info(pid, g->snapshot) : NULL;

	text_puts(t, "{");
	json_number(t, "guest", g->guest);
	json_number(t, "generation", g->number);
	json_text(t, "state", state_name(g->state));
	json_number(t, "references", g->references);
	text_puts(t, g->is_go ? ", \"go\": true" : ", \"go\": false");
	json_number(t, "low", g->lo);
	json_number(t, "high", g->hi);
	json_number(t, "handle", g->handle);
	json_number(t, "opened_at_ns", g->opened_at);
	json_number(t, "snapshot_ns", g->snapshot_ns);
	json_number(t, "load_ns", g->load_ns);
	json_number(t, "init_ns", g->init_ns);
	json_number(t, "unload_ns", g->unload_ns);
	json_number(t, "attempts", g->attempts);
	json_number(t, "holder", g->holder);
	json_number(t, "goroutine", g->goroutine);
	json_text(t, "holder_text", g->holder_text);
	json_text(t, "holders", g->holders);
	json_number(t, "failed_at_ns", g->failed_at);
	json_text(t, "failure", g->failure);
	if (g->instance) {
		json_number(t, "instance", g->instance);
		json_number(t, "context", g->context);
	}
	json_text(t, "path", g->path);
	json_text(t, "snapshot", g->snapshot);
	json_text(t, "build_id", g->build_id);
	json_text(t, "build_info", info != NULL ? info : "");
	free(info);
	text_puts(t, "}");
}

static void json_package(struct text *t, char *package)
{
	char *path = strsep(&package, " "), *version = strsep(&package, " ");

	text_puts(t, "{");
	json_text(t, "path", path);
	json_text(t, "version", version != NULL ? version : "");
	json_text(t, "build", package != NULL ? package : "");
	text_puts(t, "}");
}

static void json_libraries(struct text *t, pid_t pid)
{
	struct live_libraries all;

	live_libraries(pid, &all);
	text_puts(t, ", \"libraries\": [");
	for (size_t i = 0; i < all.n; i++) {
		text_puts(t, i == 0 ? "\n    {" : ",\n    {");
		json_text(t, "path", all.item[i].path);
		text_puts(t, ", \"packages\": [");
		for (size_t k = 0; k < all.item[i].packages.n; k++) {
			text_puts(t, k == 0 ? "\n      " : ",\n      ");
			json_package(t, all.item[i].packages.item[k]);
		}
		text_puts(t, "]}");
	}
	text_puts(t, "]");
	live_libraries_free(&all);
}

static void json_process(const struct process *p, bool first)
{
	const struct goaudit_debug *h = &p->head;
	struct text t = { 0 };

	text_puts(&t, first ? "\n  {" : ",\n  {");
	json_number(&t, "pid", (uint64_t)p->pid);
	json_text(&t, "command", p->command);
	json_number(&t, "guests", h->guests);
	json_number(&t, "changes", h->changes);
	json_text(&t, "refusal", h->refusal);
	text_puts(&t, ", \"runtime\": ");
	if (h->go_running) {
		text_puts(&t, "{");
		json_text(&t, "version", h->runtime.version);
		json_text(&t, "path", h->runtime.path);
		json_number(&t, "start_ns", h->runtime.start_ns);
		text_puts(&t, "}");
	} else {
		text_puts(&t, "null");
	}
	json_libraries(&t, p->pid);
	text_puts(&t, ", \"generations\": [");
	for (size_t i = 0; i < p->n; i++) {
		text_puts(&t, i == 0 ? "\n    " : ",\n    ");
		json_generation(&t, p->pid, &p->records[i]);
	}
	text_puts(&t, p->n > 0 ? "\n  ]}" : "]}");
	fputs(t.s, stdout);
	free(t.s);
}

static int only_pids(const struct dirent *d)
{
	return d->d_name[0] >= '1' && d->d_name[0] <= '9';
}

static void find_pids(struct list *pids)
{
	struct dirent **d = NULL;
	int n = scandir("/proc", &d, only_pids, versionsort);

	for (int i = 0; i < n; i++) {
		list_add(pids, copy_text(d[i]->d_name));
		free(d[i]);
	}
	free(d);
}

/* Shows one, or has it measured; *shown counts.  Among all processes one that may not be looked into
 * is passed over, and one that cannot be understood is no failure. */
static int show_one(const struct options *o, pid_t pid, bool all, size_t *shown,
		    struct metrics *measured)
{
	char why[256] = "";
	struct process p;
	enum process_result result = process_open(&p, pid, why, sizeof why);
	int status = STATUS_OK;

	if (result == PROCESS_OK)
		result = process_read(&p, why, sizeof why);
	if (result == PROCESS_OK) {
		qsort(p.records, p.n, sizeof *p.records, by_guest);
		if (o->metrics) {
			metrics_add(measured, &p);
			++*shown;
			return status;
		}
		if (o->json)
			json_process(&p, *shown == 0);
		else
			print_process(&p, o->gone);
		++*shown;
	} else if (!all || result == PROCESS_UNKNOWN || result == PROCESS_BUSY) {
		tool_error("process %d: %s", (int)pid, why);
		status = all ? STATUS_OK : STATUS_FAILED;
	}
	process_close(&p);
	return status;
}

static int show(const struct options *o, size_t *shown)
{
	bool all = o->pids.n == 0;
	struct list found = { 0 };
	const struct list *pids = &o->pids;
	struct metrics measured = { 0 };
	int status = STATUS_OK;

	if (all) {
		find_pids(&found);
		pids = &found;
	}
	if (o->json)
		putchar('[');
	*shown = 0;
	for (size_t i = 0; i < pids->n; i++)
		if (show_one(o, (pid_t)atol(pids->item[i]), all, shown, &measured) != STATUS_OK)
			status = STATUS_FAILED;
	if (o->metrics)
		metrics_print(&measured);
	else if (o->json)
		puts(*shown > 0 ? "\n]" : "]");
	else if (all && *shown == 0)
		puts("no process runs under goaudit");
	list_free(&found);
	return status;
}

/* Waits until the process ends, for so long at the most; false: it has not. */
static bool ended(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static int watch(const struct options *o)
{
	bool screen = isatty(1);
	size_t shown;
	int status, fd = -1;

	if (o->pids.n == 1)
		fd = (int)syscall(SYS_pidfd_open, atol(o->pids.item[0]), 0);
	do {
		if (screen)
			fputs("\033[H\033[2J", stdout);
		if (!o->json) {
			time_t now = time(NULL);
			char text[32];

			strftime(text, sizeof text, "%F %T", localtime(&now));
			puts(text);
		}
		status = show(o, &shown);
		if (!screen && !o->json)
			putchar('\n');
		/* It may be ending while we look, which is no fault. */
		if (fflush(stdout) != 0 || (o->pids.n > 0 && shown == 0))
			break;
	} while (!ended(fd, 1000));
	if (status != STATUS_OK && ended(fd, 100))
		status = STATUS_OK;
	if (fd >= 0)
		close(fd);
	return status;
}

int cmd_status(struct tool *t, int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[PID...]",
		.doc = "Shows the guests of running processes: their generations, states, open "
		       "counts, sizes and times, and what holds a retired one.\v"
		       "It reads the processes' memory; they are not stopped and need not "
		       "cooperate.",
	};
	struct options o = { 0 };
	size_t shown;
	int status;

	(void)t;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	status = o.watch ? watch(&o) : show(&o, &shown);
	list_free(&o.pids);
	return status;
}
