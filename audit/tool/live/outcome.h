/* Whether a running host has taken a build: seen from outside, as goaudit status does. */
#ifndef GOAUDIT_TOOL_LIVE_OUTCOME_H
#define GOAUDIT_TOOL_LIVE_OUTCOME_H

#include "tool/live/process.h"

#include <stdbool.h>
#include <stdint.h>

struct outcome {
	const char *guest; /* its file, absolute */
	const char *shown; /* how messages call it */
	pid_t pid;         /* of the host; 0: none */
	bool pending;      /* a build is there, and nothing is known of it */
	bool unknown;      /* the host does not run the module */
	unsigned looks;    /* since the build */
	uint64_t since;    /* when it was there: CLOCK_REALTIME, ns */
	struct process process;
};

/* Another host is looked at from now on. */
void outcome_of(struct outcome *o, pid_t pid);

/* A build is in its place. */
void outcome_expect(struct outcome *o);

/* Looks, and tells once which generation runs, or why the old one goes on.  Returns when to
 * look again, in ms; -1: when the next build is there. */
int outcome_look(struct outcome *o);

#endif
