#include "api/goaudit.h"

#include <pthread.h>

#include "adapter/adapters.h"
#include "core/core.h"
#include "guest/guests.h"
#include "loader/loader.h"

struct goaudit goaudit_module = {
	.core.lock = PTHREAD_MUTEX_INITIALIZER,
	.core.changed = PTHREAD_COND_INITIALIZER,
	.core.errors.lock = PTHREAD_MUTEX_INITIALIZER,
	.loader.calls_lock = PTHREAD_MUTEX_INITIALIZER,
	.loader.calls_changed = PTHREAD_COND_INITIALIZER,
	.guests.retired.work = PTHREAD_COND_INITIALIZER,
	.adapters.panics.lock = PTHREAD_MUTEX_INITIALIZER,
};
