#include "tool/live/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A label's value, with what has to be escaped. */
static void put_label(const char *name, const char *value, bool last)
{
	printf("%s=\"", name);
	for (; *value != '\0'; value++)
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", stdout);
		else
			putchar(*value);
	fputs(last ? "\"" : "\",", stdout);
}

static void begin(const char *family, const struct process *p, bool last)
{
	char pid[16];

	snprintf(pid, sizeof pid, "%d", (int)p->pid);
	printf("%s{", family);
	put_label("pid", pid, false);
	put_label("command", p->command, last);
}

static void head(const char *family, const char *type, const char *unit, const char *help)
{
	printf("# TYPE %s %s\n", family, type);
	if (unit != NULL)
		printf("# UNIT %s %s\n", family, unit);
	printf("# HELP %s %s\n", family, help);
}

static void print_states(const struct process *all, size_t n)
{
	static const struct {
		uint32_t state;
		const char *name;
	} states[] = {
		{ GOAUDIT_LOADING, "loading" },
		{ GOAUDIT_INITIALISING, "initialising" },
		{ GOAUDIT_OPEN, "open" },
		{ GOAUDIT_PARKED, "parked" },
		{ GOAUDIT_SUPERSEDED, "superseded" },
		{ GOAUDIT_RETIRED, "retired" },
	};

	head("goaudit_generations", "gauge", NULL, "Generations of guests by state.");
	for (const struct process *p = all; p < all + n; p++)
		for (size_t s = 0; s < sizeof states / sizeof *states; s++) {
			unsigned count = 0;

			for (size_t i = 0; i < p->n; i++)
				count += p->records[i].state == states[s].state;
			begin("goaudit_generations", p, false);
			put_label("state", states[s].name, true);
			printf("} %u\n", count);
		}
}

static void print_held(const struct process *all, size_t n)
{
	head("goaudit_held_bytes", "gauge", "bytes",
	     "Address space of generations that have been replaced and are still mapped.");
	for (const struct process *p = all; p < all + n; p++) {
		unsigned long long bytes = 0;

		for (size_t i = 0; i < p->n; i++)
			if (p->records[i].state == GOAUDIT_RETIRED)
				bytes += p->records[i].hi - p->records[i].lo;
		begin("goaudit_held_bytes", p, true);
		printf("} %llu\n", bytes);
	}
}

static void print_changes(const struct process *all, size_t n)
{
	head("goaudit_changes", "counter", NULL, "Changes of state since the start.");
	for (const struct process *p = all; p < all + n; p++) {
		begin("goaudit_changes_total", p, true);
		printf("} %llu\n", (unsigned long long)p->head.changes);
	}
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static double number(const struct goaudit_generation *g)
{
	return g->number;
}

static double load_seconds(const struct goaudit_generation *g)
{
	return seconds(g->snapshot_ns + g->load_ns + g->init_ns);
}

static double loaded_at(const struct goaudit_generation *g)
{
	return seconds(g->opened_at);
}

static double failed_at(const struct goaudit_generation *g)
{
	return seconds(g->failed_at);
}

/* Of the generation that serves, for each guest; 0 is not shown. */
static const struct {
	const char *family, *unit, *help;
	double (*value)(const struct goaudit_generation *g);
} of_guest[] = {
	{ "goaudit_guest_generation", NULL, "Number of the generation that serves.", number },
	{ "goaudit_guest_load_seconds", "seconds",
	  "How long its snapshot, load and inits took.", load_seconds },
	{ "goaudit_guest_loaded_timestamp_seconds", "seconds", "When it was loaded.",
	  loaded_at },
	{ "goaudit_guest_failed_timestamp_seconds", "seconds",
	  "When a reload failed last while it served.", failed_at },
};

static void print_guests(const struct process *all, size_t n, size_t family)
{
	head(of_guest[family].family, "gauge", of_guest[family].unit, of_guest[family].help);
	for (const struct process *p = all; p < all + n; p++)
		for (size_t i = 0; i < p->n; i++) {
			const struct goaudit_generation *g = &p->records[i];
			double value = of_guest[family].value(g);
			char guest[16];

			if ((g->state != GOAUDIT_OPEN && g->state != GOAUDIT_PARKED) ||
			    value == 0)
				continue;
			snprintf(guest, sizeof guest, "%u", g->guest);
			begin(of_guest[family].family, p, false);
			put_label("guest", guest, false);
			put_label("path", g->path, true);
			printf("} %.9g\n", value);
		}
}

void metrics_add(struct metrics *m, const struct process *p)
{
	struct process *more = realloc(m->process, (m->n + 1) * sizeof *more);

	if (more == NULL)
		abort();
	m->process = more;
	m->process[m->n++] = *p;
}

void metrics_print(struct metrics *m)
{
	print_states(m->process, m->n);
	print_held(m->process, m->n);
	print_changes(m->process, m->n);
	for (size_t i = 0; i < sizeof of_guest / sizeof *of_guest; i++)
		print_guests(m->process, m->n, i);
	puts("# EOF");
	for (size_t i = 0; i < m->n; i++)
		process_close(&m->process[i]);
	free(m->process);
	*m = (struct metrics){ .n = 0 };
}
