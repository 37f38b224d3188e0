/* The exit and the forks of the host's process: the one place that names every lock. */
#ifndef GOAUDIT_API_PROCESS_H
#define GOAUDIT_API_PROCESS_H

#include "loader/loader.h"

extern const struct host_handlers process_handlers;

#endif
