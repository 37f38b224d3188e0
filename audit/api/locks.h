/* The module's locks in the order in which they are taken: core.lock, libdlbind's
 * (dlbind/state.h has their order), the leaves.  Under a leaf no lock is taken but
 * memory_lock; only a fork holds them together.  In the tests' module each lock has a rank
 * by this list, and taking one out of order ends the process (test/unit/ranks.c). */
#ifndef GOAUDIT_API_LOCKS_H
#define GOAUDIT_API_LOCKS_H

#include "api/goaudit.h"
#include "core/memory.h"

#define LOCKS_LEAVES(ga)                                           \
	{                                                          \
		&(ga)->loader.calls_lock, &(ga)->core.errors.lock, \
			&(ga)->adapters.panics.lock, &memory_lock  \
	}
#define LOCKS_N_LEAVES 4

#endif
