#include <link.h>
#include <stdint.h>

#include "api/dlcalls.h"
#include "api/goaudit.h"
#include "api/open.h"
#include "core/cancel.h"
#include "goaudit.h"
#include "reload/close.h"

struct decision decide_dlopen(const char *file, uint64_t mode, uint64_t a, uint64_t b,
			      const void *caller)
{
	void *handle;
	CANCEL_OFF();

	(void)a, (void)b;
	return open_call(&goaudit_module, file, mode, caller, &handle) ? OURS(handle) :
									 NOT_OURS;
}

struct decision decide_dlmopen(Lmid_t ns, const char *file, uint64_t mode, uint64_t a,
			       const void *caller)
{
	CANCEL_OFF();

	if (ns != LM_ID_BASE)
		return NOT_OURS;
	return decide_dlopen(file, mode, a, 0, caller);
}

struct decision decide_dlclose(void *handle, uint64_t a, uint64_t b, uint64_t c,
			       const void *caller)
{
	int result;
	CANCEL_OFF();

	(void)a, (void)b, (void)c, (void)caller;
	return close_handle(&goaudit_module.reloads, handle, &result) ? OURS((int64_t)result) :
									NOT_OURS;
}
