#include "core/interrupted.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "goaudit.h"

/* glibc's mutex says who has it, shortly after it was taken and until shortly before it is
 * given back (nptl/pthread_mutex_lock.c, pthread_mutex_unlock.c). */
static int owner_of(const pthread_mutex_t *lock)
{
	return __atomic_load_n(&lock->__data.__owner, __ATOMIC_RELAXED);
}

static bool is_taken(const pthread_mutex_t *lock)
{
	return __atomic_load_n(&lock->__data.__lock, __ATOMIC_RELAXED) != 0;
}

bool interrupted_has(const pthread_mutex_t *lock)
{
	return is_taken(lock) && owner_of(lock) == (int)syscall(SYS_gettid);
}

#define SLICE_NS 10000000
#define SLICES   100

bool interrupted_lock(pthread_mutex_t *lock)
{
	unsigned unowned = 0;

	for (;;) {
		struct timespec end = clock_deadline(SLICE_NS);

		if (pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &end) == 0)
			return true;
		if (interrupted_has(lock))
			return false;
		/* Taken, and nobody's: who is between the two steps is another thread for a
		 * moment, or this one for ever. */
		unowned = owner_of(lock) ? 0 : unowned + 1;
		if (unowned == SLICES)
			return false;
	}
}

bool interrupted_is_free(pthread_mutex_t *lock, int tid)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	int owner = owner_of(lock);

	if (is_taken(lock) && owner && owner != tid)
		*lock = fresh;
	return !is_taken(lock);
}
