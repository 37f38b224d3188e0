#include "loader/host.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../dlbind/embed.h"
#include "core/cancel.h"
#include "loader/redirect.h"
#include "core/memory.h"
#include "reload/recover.h"
#include "reload/reload.h"
#include "api/goaudit.h"
#include "api/watch.h"

/* The locks after goaudit.lock and libdlbind's. */
#define FORK_LOCKS(ga) \
	{ &(ga)->calls_lock, &(ga)->errors.lock, &(ga)->guard.lock, &memory_lock }
#define FORK_LEAVES 4

int (*cancel_set_state)(int, int *) = pthread_setcancelstate;

/* exit(3): before the destructors of the objects in the link map run. */
static void at_exit(void *arg)
{
	struct goaudit *ga = arg;
	bool again;
	CANCEL_OFF();

	reaper_finish(ga);
	pthread_mutex_lock(&ga->lock);
	again = ga->exiting;
	ga->exiting = true;
	pthread_mutex_unlock(&ga->lock);
	if (again)
		return;
	reload_finish(ga);
	snapshot_finish(ga);
}

/* All locks that a thread which is no more in the child could have held there, in their
 * order.  What else there is of this kind:
 *
 *   ld.so's load lock, TLS lock    the host's fork makes them anew (posix/fork.c)
 *   the host's libc                its fork does
 *   the auditor's libc             malloc by memory_lock; its stdio, locale, environment
 *                                  and exit handlers are not used
 *   libelf, libdw                  have locks in what they allocate, for one use
 *   the Go runtime                 never runs in the child
 *   what waits for a thread        gort_forked, recover_forked, watch_forked
 *
 * test/process/t-fork-any-time.sh compares this list with the locks that there are. */
static void before_fork(void)
{
	struct goaudit *ga = &goaudit_state;
	pthread_mutex_t *const locks[] = FORK_LOCKS(ga);
	int cancel = cancel_off();
	bool taken;

	call_forking(ga);
	taken = ldso_forking(ga);
	pthread_mutex_lock(&ga->lock);
	gate_forking(ga);
	snapshot_forking(ga);
	dlbind_forking();
	for (unsigned i = 0; i < FORK_LEAVES; i++)
		pthread_mutex_lock(locks[i]);
	ga->host.fork_cancel = cancel;
	ga->host.fork_write_lock = taken;
}

static void release_leaves(struct goaudit *ga)
{
	pthread_mutex_t *const locks[] = FORK_LOCKS(ga);

	for (unsigned i = FORK_LEAVES; i-- > 0;)
		pthread_mutex_unlock(locks[i]);
}

static void after_fork_parent(void)
{
	struct goaudit *ga = &goaudit_state;
	bool taken = ga->host.fork_write_lock;
	int cancel = ga->host.fork_cancel;

	call_forked_parent(ga);
	release_leaves(ga);
	dlbind_forked(false);
	snapshot_forked_parent(ga);
	pthread_mutex_unlock(&ga->lock);
	if (taken)
		ldso_forked(ga, false);
	cancel_restore(&cancel);
}

static void after_fork_child(void)
{
	struct goaudit *ga = &goaudit_state;
	int cancel = ga->host.fork_cancel;

	ldso_forked(ga, true);
	call_forked_child(ga);
	error_forked(ga, ga->gate.forking);
	release_leaves(ga);
	dlbind_forked(true);
	ga->forked = true;
	pthread_cond_init(&ga->changed, NULL);
	gate_forked(ga);
	linger_forked(ga);
	gort_forked(ga);
	reaper_forked(ga);
	watch_forked(ga);
	recover_forked(ga);
	snapshot_forked_child(ga);
	pthread_mutex_unlock(&ga->lock);
	cancel_restore(&cancel);
}

/* A copy of a vector of n texts, which are copied, too; NULL: no memory, which nobody
 * gives back: the module lives as long as the process. */
static char **copy_texts(char *const *from, size_t n)
{
	char **to = calloc(n + 1, sizeof *to);

	for (size_t i = 0; to && i < n; i++) {
		to[i] = strdup(from[i]);
		if (!to[i])
			return NULL;
	}
	return to;
}

void host_remember(struct host *h, int argc, char **argv)
{
	size_t n = 0;
	char **own;

	h->argv = copy_texts(argv, argc);
	h->argc = h->argv ? argc : 0;
	h->env = argv + argc + 1;
	while (h->env[n])
		n++;
	h->auxv = h->env + n + 1;
	/* getenv in this namespace, ours and that of libraries in it. */
	own = copy_texts(h->env, n);
	if (own)
		environ = own;
}

/* Takes the module's name out of "LD_AUDIT=name:name"; the text of what is left, NULL:
 * nothing, or no memory. */
static char *without_module(const char *entry, const char **module, size_t *length)
{
	char *left = calloc(1, strlen(entry) + 1), *to = left;
	const char *name = strchr(entry, '=') + 1, *slash;
	bool first = true;
	size_t n;

	if (!left)
		return NULL;
	memcpy(to, entry, name - entry);
	to += name - entry;
	for (; *name; name += n + (name[n] == ':')) {
		n = strcspn(name, ":");
		slash = memrchr(name, '/', n);
		slash = slash ? slash + 1 : name;
		if (strncmp(slash, "libgoaudit.so", 13) == 0) {
			*module = name;
			*length = n;
			continue;
		}
		to += sprintf(to, "%s%.*s", first ? "" : ":", (int)n, name);
		first = false;
	}
	if (!first)
		return left;
	free(left);
	return NULL;
}

/* The place of the entry cannot be taken out of the vector: who looks for the kernel's
 * vector counts from here to the first NULL.  So it says something else. */
void host_hide_module(struct host *h)
{
	for (char **e = h->env; *e; e++) {
		const char *module = NULL;
		size_t n = 0;
		char *text;

		if (strncmp(*e, "LD_AUDIT=", 9) != 0)
			continue;
		text = without_module(*e, &module, &n);
		if (!module || (!text && asprintf(&text, "GOAUDIT_MODULE=%.*s", (int)n,
						  module) < 0))
			continue;
		*e = text;
	}
}

/* The host's functions, found by name. */
static void *find_functions(struct goaudit *ga, struct host *h)
{
	void *libc = dlmopen(LM_ID_BASE, "libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int (*set_state)(int, int *);

	h->dlerror = (char *(*)(void))intercept_real_dlerror;
	if (!libc)
		return NULL;		/* a static host: la_* is never called there */
	h->pthread_create = (int (*)(pthread_t *, const pthread_attr_t *,
				     void *(*)(void *), void *))dlsym(
		libc, "pthread_create");
	h->cxa_atexit = (int (*)(void (*)(void *), void *, void *))dlsym(
		libc, "__cxa_atexit");
	h->free = (void (*)(void *))dlsym(libc, "free");
	set_state = (int (*)(int, int *))dlsym(libc, "pthread_setcancelstate");
	if (set_state)
		cancel_set_state = set_state;
	h->register_atfork = (int (*)(void (*)(void), void (*)(void), void (*)(void),
				      void *))dlsym(libc, "__register_atfork");
	/* The program's own, if it has a copy (a COPY relocation). */
	h->environ = dlsym(ga->ldso.head, "environ");
	return libc;
}

/* Two threads may be here at once, and find the same; no lock is held meanwhile, for
 * one of them may be in a constructor, with ld.so's. */
void host_init(struct goaudit *ga)
{
	enum host_state unknown = HOST_UNKNOWN;
	struct host *h = &ga->host, found = { 0 };
	void *libc;

	if (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) == HOST_KNOWN)
		return;
	intercept_find_real(ga);
	libc = find_functions(ga, &found);
	if (!__atomic_compare_exchange_n(&h->state, &unknown, HOST_BEING_SET, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		while (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != HOST_KNOWN)
			sched_yield();	/* a few stores */
	} else {
		h->pthread_create = found.pthread_create;
		h->cxa_atexit = found.cxa_atexit;
		h->register_atfork = found.register_atfork;
		h->dlerror = found.dlerror;
		h->free = found.free;
		h->environ = found.environ;
		ga->ldso.libc = libc;
		ga->ldso.base_ret = libc ? ldso_find_ret(libc) : NULL;
		made_init();
		__atomic_store_n(&h->state, HOST_KNOWN, __ATOMIC_RELEASE);
		/* Before any handler of the host's, so that theirs run outside of ours
		 * in both directions: they may call dlopen. */
		if (h->register_atfork)
			h->register_atfork(before_fork, after_fork_parent,
					   after_fork_child, NULL);
	}
	if (libc)
		dlclose(libc);
}

void host_begins(struct goaudit *ga)
{
	bool hooked;

	host_init(ga);
	pthread_mutex_lock(&ga->lock);
	hooked = ga->host.hooked;
	pthread_mutex_unlock(&ga->lock);
	/* Since a constructor opened a guest, ld.so's own handler has been registered
	 * (csu/libc-start.c), which runs before those that were there: once more, to be
	 * in front of it. */
	if (hooked && ga->host.cxa_atexit)
		ga->host.cxa_atexit(at_exit, ga, NULL);
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
