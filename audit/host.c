#include "host.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

#include "../dlbind/embed.h"
#include "intercept.h"
#include "reload.h"
#include "state.h"

/* exit(3): before the destructors of the objects in the link map run. */
static void at_exit(void *arg)
{
	struct goaudit *ga = arg;

	reaper_finish(ga);
	pthread_mutex_lock(&ga->lock);
	ga->exiting = true;
	pthread_mutex_unlock(&ga->lock);
	reload_finish(ga);
	snapshot_finish(ga);
}

/* The registry must not be in the middle of a change in the child. */
static void before_fork(void)
{
	pthread_mutex_lock(&goaudit_state.lock);
	gate_forking(&goaudit_state);
	snapshot_forking(&goaudit_state);
	dlbind_forking();
	pthread_mutex_lock(&goaudit_state.calls_lock);
	pthread_mutex_lock(&goaudit_state.errors.lock);
	pthread_mutex_lock(&goaudit_state.guard.lock);
}

static void unlock_leaves(void)
{
	pthread_mutex_unlock(&goaudit_state.guard.lock);
	pthread_mutex_unlock(&goaudit_state.errors.lock);
	pthread_mutex_unlock(&goaudit_state.calls_lock);
}

static void after_fork_parent(void)
{
	unlock_leaves();
	dlbind_forked(false);
	snapshot_forked_parent(&goaudit_state);
	pthread_mutex_unlock(&goaudit_state.lock);
}

static void after_fork_child(void)
{
	struct goaudit *ga = &goaudit_state;

	call_forked(ga);
	unlock_leaves();
	dlbind_forked(true);
	gate_forked(ga);
	linger_forked(ga);
	ga->forked = true;
	ga->reaper.started = false;
	pthread_cond_init(&ga->changed, NULL);
	pthread_cond_init(&ga->reaper.work, NULL);
	snapshot_forked_child(ga);
	pthread_mutex_unlock(&ga->lock);
}

void host_init(struct goaudit *ga)
{
	struct host *h = &ga->host;
	void *libc = dlmopen(LM_ID_BASE, "libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	intercept_find_real(ga);
	h->dlerror = (char *(*)(void))intercept_real_dlerror;
	if (!libc)
		return;		/* a static host: la_* is never called there */
	h->pthread_create = (int (*)(pthread_t *, const pthread_attr_t *,
				     void *(*)(void *), void *))dlsym(
		libc, "pthread_create");
	h->cxa_atexit = (int (*)(void (*)(void *), void *, void *))dlsym(
		libc, "__cxa_atexit");
	h->free = (void (*)(void *))dlsym(libc, "free");
	h->register_atfork = (int (*)(void (*)(void), void (*)(void), void (*)(void),
				      void *))dlsym(libc, "__register_atfork");
	/* The program's own, if it has a copy (a COPY relocation). */
	h->environ = dlsym(ga->ldso.head, "environ");
	ga->ldso.libc = libc;
	ga->ldso.base_ret = ldso_find_ret(libc);
	/* Before any handler of the host's, so that theirs run outside of ours
	 * in both directions: they may call dlopen. */
	if (h->register_atfork)
		h->register_atfork(before_fork, after_fork_parent,
				   after_fork_child, NULL);
	dlclose(libc);
}

int host_start_thread(struct goaudit *ga, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int error;

	/* The host's signals are for the host's threads; SIGURG is how Go
	 * preempts. */
	sigfillset(&all);
	sigdelset(&all, SIGURG);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = ga->host.pthread_create(&thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

void host_hook(struct goaudit *ga)
{
	bool first;

	pthread_mutex_lock(&ga->lock);
	first = !ga->host.hooked;
	ga->host.hooked = true;
	pthread_mutex_unlock(&ga->lock);
	if (!first)
		return;
	if (ga->host.cxa_atexit)
		ga->host.cxa_atexit(at_exit, ga, NULL);
}
