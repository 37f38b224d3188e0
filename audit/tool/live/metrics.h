/* What processes have loaded as OpenMetrics text (the OpenMetrics specification 1.0). */
#ifndef GOAUDIT_TOOL_LIVE_METRICS_H
#define GOAUDIT_TOOL_LIVE_METRICS_H

#include "tool/live/process.h"

/* Each family is of all processes, so they are collected first. */
struct metrics {
	struct process *process;
	size_t n;
};

/* Takes a process that has been read; it is the list's from now on. */
void metrics_add(struct metrics *m, const struct process *p);

/* Prints all families, and the end of the exposition, to standard output; frees all. */
void metrics_print(struct metrics *m);

#endif
