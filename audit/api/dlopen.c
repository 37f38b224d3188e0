#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/languages.h"
#include "api/control.h"
#include "api/dlcalls.h"
#include "api/goaudit.h"
#include "api/open.h"
#include "api/process.h"
#include "api/watch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "goaudit.h"
#include "guest/registry.h"
#include "reload/close.h"

struct decision decide_dlopen(const char *file, uint64_t mode, uint64_t a, uint64_t b,
			      const void *caller)
{
	void *handle;
	CANCEL_OFF();

	UNLESS_INSIDE(OURS(NULL));
	(void)a, (void)b;
	if ((mode & RTLD_NOLOAD) && languages_asks_loader(&goaudit_module.adapters, caller))
		return NOT_OURS;
	if (!open_call(&goaudit_module, file, mode, caller, &handle))
		return NOT_OURS;
	if (handle) {
		control_start(&goaudit_module);
		watch_opened(&goaudit_module, handle);
	}
	return OURS(handle);
}

struct decision decide_dlmopen(Lmid_t ns, const char *file, uint64_t mode, uint64_t a,
			       const void *caller)
{
	CANCEL_OFF();

	UNLESS_INSIDE(OURS(NULL));
	if (ns != LM_ID_BASE)
		return NOT_OURS;
	return decide_dlopen(file, mode, a, 0, caller);
}

static bool is_lasting(const void *handle)
{
	struct goaudit *ga = &goaudit_module;
	bool lasting;

	pthread_mutex_lock(&ga->core.lock);
	lasting = registry_find_lasting_locked(&ga->guests, handle) != NULL;
	pthread_mutex_unlock(&ga->core.lock);
	return lasting;
}

struct decision decide_dlclose(void *handle, uint64_t a, uint64_t b, uint64_t c,
			       const void *caller)
{
	int result;
	CANCEL_OFF();

	UNLESS_INSIDE(OURS((int64_t)-1));
	(void)a, (void)b, (void)c;
	/* The pair of its dlopen above; a lasting handle is the program's, through it. */
	if (languages_asks_loader(&goaudit_module.adapters, caller) && !is_lasting(handle))
		return NOT_OURS;
	if (!close_handle(&goaudit_module.reloads, handle, &result))
		return NOT_OURS;
	watch_closed(&goaudit_module, handle);
	return OURS((int64_t)result);
}
