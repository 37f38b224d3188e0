/* What processes have loaded as OpenMetrics text (the OpenMetrics specification 1.0). */
#ifndef GOAUDIT_TOOL_LIVE_METRICS_H
#define GOAUDIT_TOOL_LIVE_METRICS_H

#include "tool/live/process.h"

/* Prints all families of n processes, and the end of the exposition, to standard output. */
void metrics_print(const struct process *p, size_t n);

#endif
