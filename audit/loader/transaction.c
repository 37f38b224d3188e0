#include "loader/transaction.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/clock.h"
#include "core/interrupted.h"
#include "goaudit.h"
#include "loader/loader.h"
#include "loader/locks.h"
#include "loader/real.h"

/* How long a fork waits for what other threads do in ld.so: a constructor there may
 * wait for the thread that forks. */
#define FORK_WAIT_NS 500000000

/* Is a thread in the middle of a call: this one, or (`others`) any but this one?
 * With calls_lock. */
static bool any_begun(const struct loader *ld, bool others)
{
	const void *self = arch_thread_pointer();

	for (const struct call *c = ld->calls; c; c = c->outer)
		if (c->begun && (c->thread != self) == others)
			return true;
	return false;
}

/* With calls_lock. */
static void begin(struct loader *ld, struct call *call)
{
	while (ld->forks && !any_begun(ld, false))
		pthread_cond_wait(&ld->calls_changed, &ld->calls_lock);
	call->begun = true;
}

void call_push(struct loader *ld, struct call *call)
{
	call->thread = arch_thread_pointer();
	call->begun = false;
	pthread_mutex_lock(&ld->calls_lock);
	if (call->kind == CALL_PLAIN || call->kind == CALL_NOTIFY)
		begin(ld, call);
	call->outer = ld->calls;
	__atomic_store_n(&ld->calls, call, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&ld->calls_lock);
}

void call_begin(struct loader *ld, struct call *call)
{
	pthread_mutex_lock(&ld->calls_lock);
	begin(ld, call);
	pthread_mutex_unlock(&ld->calls_lock);
}

void call_pop(struct loader *ld, struct call *call)
{
	struct call **p;

	pthread_mutex_lock(&ld->calls_lock);
	/* Others may have been pushed in front by other threads. */
	for (p = &ld->calls; *p != call;)
		p = &(*p)->outer;
	__atomic_store_n(p, call->outer, __ATOMIC_RELEASE);
	if (ld->forks)
		pthread_cond_broadcast(&ld->calls_changed);
	pthread_mutex_unlock(&ld->calls_lock);
}

void *call_dlopen(struct loader *ld, bool here, const char *name, int mode)
{
	struct call plain = { .kind = CALL_PLAIN };
	void *handle;

	call_push(ld, &plain);
	handle = here ? dlopen(name, mode) : dlmopen(LM_ID_BASE, name, mode);
	call_pop(ld, &plain);
	return handle;
}

struct call *call_innermost(struct loader *ld)
{
	const void *self = arch_thread_pointer();
	struct call *call;

	if (!__atomic_load_n(&ld->calls, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&ld->calls_lock);
	for (call = ld->calls; call && call->thread != self;)
		call = call->outer;
	pthread_mutex_unlock(&ld->calls_lock);
	return call;
}

bool call_forking(struct loader *ld)
{
	struct timespec end = clock_deadline(FORK_WAIT_NS);
	bool in_time = true;

	if (!interrupted_lock(&ld->calls_lock))
		return false;
	ld->forks++;
	while (in_time && any_begun(ld, true))
		in_time = clock_wait(&ld->calls_changed, &ld->calls_lock, &end);
	pthread_mutex_unlock(&ld->calls_lock);
	return true;
}

void call_not_forking(struct loader *ld)
{
	if (!interrupted_lock(&ld->calls_lock))
		return;
	call_forked_parent(ld);
	pthread_mutex_unlock(&ld->calls_lock);
}

void call_forked_parent(struct loader *ld)
{
	ld->forks--;
	pthread_cond_broadcast(&ld->calls_changed);
}

void call_forked_child(struct loader *ld)
{
	const void *self = arch_thread_pointer();

	for (struct call **p = &ld->calls; *p;)
		if ((*p)->thread != self)
			*p = (*p)->outer;
		else
			p = &(*p)->outer;
	ld->forks = 0;
	pthread_cond_init(&ld->calls_changed, NULL);
}

/* The name that the first transaction asks ld.so for, and, where ld.so's locks have not been
 * found by it, each other one.  It has no slash, so ld.so works
 * out who is calling and asks la_objsearch before it looks at any file
 * (elf/dl-load.c, _dl_map_object); there we run, and then refuse the name. */
#define TRANSACTION_NAME "libgoaudit-transaction"

/* Where the lock is known it is taken as ld.so takes it; to be asked for a name, ld.so would
 * look at all objects first. */
static bool run_with(struct loader *ld, pthread_mutex_t *load, struct call *call)
{
	if (!load || pthread_mutex_lock(load) != 0)
		return false;
	call->ran = true;
	call_begin(ld, call);
	call->fn(call->arg);
	pthread_mutex_unlock(load);
	return true;
}

bool transaction_run(struct loader *ld, void (*fn)(void *), void *arg)
{
	struct call call = { .kind = CALL_TRANSACTION, .fn = fn, .arg = arg };

	call_push(ld, &call);
	if (run_with(ld, locks_load(ld), &call)) {
		call_pop(ld, &call);
		return true;
	}
	arch_call_as((void *)real_dlopen, TRANSACTION_NAME, RTLD_LAZY | RTLD_NOLOAD, 0,
		     ld->base_ret);
	call_pop(ld, &call);
	/* The refusal leaves a text in the host's dlerror. */
	real_forget_error();
	return call.ran;
}

/* Constructors and destructors are going to run in it, so the lock of the TLS tables
 * is released, as glibc itself does before it runs them: they may start threads. */
bool transaction_search(struct loader *ld, struct call *call, const char *name)
{
	pthread_mutex_t *tls;

	if (call->ran || strcmp(name, TRANSACTION_NAME) != 0)
		return false;
	call->ran = true;
	call_begin(ld, call);
	if (!ld->locks.sought)
		locks_find(ld);
	tls = ld->locks.tls;
	if (tls)
		pthread_mutex_unlock(tls);
	call->fn(call->arg);
	if (tls)
		pthread_mutex_lock(tls);
	return true;
}
