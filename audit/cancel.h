/* glibc's dl* functions are no cancellation points, and a thread must not end
 * with locks of ours in hand: what the host calls runs with cancellation off. */
#ifndef GOAUDIT_CANCEL_H
#define GOAUDIT_CANCEL_H

#include <pthread.h>

static inline int cancel_off(void)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return old;
}

static inline void cancel_restore(int old)
{
	pthread_setcancelstate(old, NULL);
}

#endif
