#include "call.h"

#include "arch.h"
#include "state.h"

void call_push(struct goaudit *ga, struct call *call)
{
	call->thread = arch_thread_pointer();
	pthread_mutex_lock(&ga->calls_lock);
	call->outer = ga->calls;
	__atomic_store_n(&ga->calls, call, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->calls_lock);
}

void call_pop(struct goaudit *ga, struct call *call)
{
	struct call **p;

	pthread_mutex_lock(&ga->calls_lock);
	/* Others may have been pushed in front by other threads. */
	for (p = &ga->calls; *p != call;)
		p = &(*p)->outer;
	__atomic_store_n(p, call->outer, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->calls_lock);
}

struct call *call_innermost(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();
	struct call *call;

	if (!__atomic_load_n(&ga->calls, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&ga->calls_lock);
	for (call = ga->calls; call && call->thread != self;)
		call = call->outer;
	pthread_mutex_unlock(&ga->calls_lock);
	return call;
}

void call_forked(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();

	for (struct call **p = &ga->calls; *p;)
		if ((*p)->thread != self)
			*p = (*p)->outer;
		else
			p = &(*p)->outer;
}
