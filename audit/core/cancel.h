/* glibc's dl* functions are no cancellation points, and a thread must not end
 * with locks of ours in hand, nor ld.so's: each function by which a thread of the
 * host comes in begins with CANCEL_OFF. */
#ifndef GOAUDIT_CORE_CANCEL_H
#define GOAUDIT_CORE_CANCEL_H

#include <pthread.h>
#include <stddef.h>

/* pthread_setcancelstate of the host's libc, once it is known: a thread with
 * PTHREAD_CANCEL_ASYNCHRONOUS may end in it, and is unwound by that libc then. */
extern int (*cancel_set_state)(int, int *);

static inline int cancel_off(void)
{
	int old;

	cancel_set_state(PTHREAD_CANCEL_DISABLE, &old);
	return old;
}

static inline void cancel_restore(const int *old)
{
	cancel_set_state(*old, NULL);
}

/* A declaration; what it has done is undone where its block is left. */
#define CANCEL_OFF() \
	__attribute__((cleanup(cancel_restore), unused)) const int cancel_was = cancel_off()

#endif
