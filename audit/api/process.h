/* The exit and the forks of the host's process: the one place that names every lock. */
#ifndef GOAUDIT_API_PROCESS_H
#define GOAUDIT_API_PROCESS_H

#include <stdbool.h>

#include "loader/loader.h"

extern const struct host_handlers process_handlers;

/* Is this a child that a signal handler has forked, and the thread still in the midst of
 * what that handler has interrupted?  Then it must take no lock of ours.  Each function by
 * which the host comes in asks first. */
bool process_is_inside(void);
const char *process_inside_text(void);

#define UNLESS_INSIDE(result)            \
	do {                             \
		if (process_is_inside()) \
			return result;   \
	} while (0)

#endif
