/* All waiting is by the monotonic clock: the other one is set, forward and back. */
#ifndef GOAUDIT_CORE_CLOCK_H
#define GOAUDIT_CORE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "goaudit.h"

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* The moment that is so far away, for clock_wait. */
static inline struct timespec clock_deadline(uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += t.tv_nsec;
	t.tv_sec += ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	return t;
}

/* pthread_cond_wait, up to a deadline where there is one (NULL: none).  false: it
 * has passed. */
static inline bool clock_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
			      const struct timespec *deadline)
{
	if (deadline)
		return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, deadline) == 0;
	return pthread_cond_wait(cond, mutex) == 0;
}

#endif
