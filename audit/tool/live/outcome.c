#include "tool/live/outcome.h"
#include "tool/base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOON_MS  20 /* for about a second; a host may open its guest much later */
#define SOONS    50
#define LATER_MS 500

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void outcome_of(struct outcome *o, pid_t pid)
{
	process_close(&o->process);
	o->pid = pid;
	o->unknown = false;
	outcome_expect(o);
}

void outcome_expect(struct outcome *o)
{
	/* A file of the same moment is the one. */
	o->since = now_ns() - UINT64_C(1000000);
	o->pending = o->pid != 0;
	o->looks = 0;
}

/* The newest record of the guest that tells something new; NULL: none yet. */
static const struct goaudit_generation *news(const struct outcome *o)
{
	const struct goaudit_generation *found = NULL;
	char *path = realpath(o->guest, NULL);

	for (size_t i = 0; path != NULL && i < o->process.n; i++) {
		const struct goaudit_generation *g = &o->process.records[i];
		bool serves = g->state == GOAUDIT_OPEN || g->state == GOAUDIT_PARKED;

		if (serves && strcmp(g->path, path) == 0 &&
		    (g->opened_at >= o->since || g->failed_at >= o->since) &&
		    (found == NULL || g->number > found->number))
			found = g;
	}
	free(path);
	return found;
}

/* Is the module there, and its picture taken? */
static bool read_process(struct outcome *o)
{
	char why[256];

	if (o->process.address == 0) {
		enum process_result r;

		process_close(&o->process);
		r = process_open(&o->process, o->pid, why, sizeof why);
		if (r != PROCESS_OK) {
			/* ld.so may not have come to the module yet. */
			o->unknown = r == PROCESS_DENIED || o->looks > SOONS;
			o->process.address = 0;
			return false;
		}
	}
	return process_read(&o->process, why, sizeof why) == PROCESS_OK;
}

int outcome_look(struct outcome *o)
{
	const struct goaudit_generation *g;

	if (!o->pending || o->pid == 0 || o->unknown)
		return -1;
	o->looks++;
	g = read_process(o) ? news(o) : NULL;
	if (g != NULL && g->opened_at >= o->since)
		fprintf(stderr, "goaudit: %s: generation %u runs\n", o->shown, g->number);
	else if (g != NULL)
		fprintf(stderr, "goaudit: %s: generation %u goes on: %s\n", o->shown, g->number,
			g->failure);
	o->pending = g == NULL;
	return g != NULL ? -1 : o->looks < SOONS ? SOON_MS : LATER_MS;
}
