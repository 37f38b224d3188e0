#include "loader/transaction.h"

#include <dlfcn.h>

#include "core/arch.h"
#include "core/clock.h"
#include "api/goaudit.h"

/* How long a fork waits for what other threads do in ld.so: a constructor there may
 * wait for the thread that forks. */
#define FORK_WAIT_NS 500000000

/* Is a thread in the middle of a call: this one, or (`others`) any but this one?
 * With calls_lock. */
static bool any_begun(const struct goaudit *ga, bool others)
{
	const void *self = arch_thread_pointer();

	for (const struct call *c = ga->calls; c; c = c->outer)
		if (c->begun && (c->thread != self) == others)
			return true;
	return false;
}

/* With calls_lock. */
static void begin(struct goaudit *ga, struct call *call)
{
	while (ga->forks && !any_begun(ga, false))
		pthread_cond_wait(&ga->calls_changed, &ga->calls_lock);
	call->begun = true;
}

void call_push(struct goaudit *ga, struct call *call)
{
	call->thread = arch_thread_pointer();
	call->begun = false;
	pthread_mutex_lock(&ga->calls_lock);
	if (call->kind == CALL_PLAIN || call->kind == CALL_NOTIFY)
		begin(ga, call);
	call->outer = ga->calls;
	__atomic_store_n(&ga->calls, call, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ga->calls_lock);
}

void call_begin(struct goaudit *ga, struct call *call)
{
	pthread_mutex_lock(&ga->calls_lock);
	begin(ga, call);
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
	if (ga->forks)
		pthread_cond_broadcast(&ga->calls_changed);
	pthread_mutex_unlock(&ga->calls_lock);
}

void *call_dlopen(struct goaudit *ga, bool here, const char *name, int mode)
{
	struct call plain = { .kind = CALL_PLAIN };
	void *handle;

	call_push(ga, &plain);
	handle = here ? dlopen(name, mode) : dlmopen(LM_ID_BASE, name, mode);
	call_pop(ga, &plain);
	return handle;
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

void call_forking(struct goaudit *ga)
{
	struct timespec end = clock_deadline(FORK_WAIT_NS);
	bool in_time = true;

	pthread_mutex_lock(&ga->calls_lock);
	ga->forks++;
	while (in_time && any_begun(ga, true))
		in_time = clock_wait(&ga->calls_changed, &ga->calls_lock, &end);
	pthread_mutex_unlock(&ga->calls_lock);
}

void call_forked_parent(struct goaudit *ga)
{
	ga->forks--;
	pthread_cond_broadcast(&ga->calls_changed);
}

void call_forked_child(struct goaudit *ga)
{
	const void *self = arch_thread_pointer();

	for (struct call **p = &ga->calls; *p;)
		if ((*p)->thread != self)
			*p = (*p)->outer;
		else
			p = &(*p)->outer;
	ga->forks = 0;
	pthread_cond_init(&ga->calls_changed, NULL);
}
