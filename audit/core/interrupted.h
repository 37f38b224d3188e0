/* A fork in a signal handler that has interrupted this module: the thread may have a lock of
 * ours already, and must not wait for it. */
#ifndef GOAUDIT_CORE_INTERRUPTED_H
#define GOAUDIT_CORE_INTERRUPTED_H

#include <pthread.h>
#include <stdbool.h>

/* Has this thread taken it? */
bool interrupted_has(const pthread_mutex_t *lock);

/* Takes it.  False: this thread has it, and was interrupted. */
bool interrupted_lock(pthread_mutex_t *lock);

/* In the only thread of a child: has nobody got it, but threads that are no more? `tid` is
 * what the thread was in the parent; its own locks stay, until it goes on. */
bool interrupted_is_free(pthread_mutex_t *lock, int tid);

#endif
