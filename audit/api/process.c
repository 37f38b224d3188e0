#include "api/process.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../dlbind/embed.h"
#include "adapter/adapters.h"
#include "adapter/languages.h"
#include "api/control.h"
#include "api/goaudit.h"
#include "api/locks.h"
#include "api/watch.h"
#include "core/arch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "core/interrupted.h"
#include "entry/calls.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "loader/folder.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/locks.h"
#include "loader/transaction.h"
#include "reload/reaper.h"
#include "reload/recover.h"
#include "reload/reload.h"
#include "reload/threads.h"

/* exit(3): before the destructors of the objects in the link map run. */
static void at_exit(void *unused)
{
	struct goaudit *ga = &goaudit_module;
	bool again;
	CANCEL_OFF();

	(void)unused;
	if (process_is_inside())
		return;
	reaper_finish(&ga->reloads);
	pthread_mutex_lock(&ga->core.lock);
	again = ga->core.exiting;
	ga->core.exiting = true;
	pthread_mutex_unlock(&ga->core.lock);
	if (again)
		return;
	reload_finish(&ga->reloads);
	folder_finish(&ga->loader);
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
 *   what waits for a thread        languages_forked, recover_forked, watch_forked,
 *                                  control_forked
 *
 * Who forks in a signal handler may have interrupted us, and have a lock already.  Then
 * none is taken; the child does nothing of ours before the interrupted code has given its
 * locks back (process_is_inside), and recovers then.
 *
 * test/process/t-fork-any-time.sh compares this list with the locks that there are. */
static void release_leaves(struct goaudit *ga, unsigned n)
{
	pthread_mutex_t *const locks[] = LOCKS_LEAVES(ga);

	while (n-- > 0)
		pthread_mutex_unlock(locks[n]);
}

/* Has ld.so been interrupted in this thread, in the midst of a change? */
static bool is_loading(const struct goaudit *ga)
{
	const struct r_debug *debug = ga->loader.ldso.debug;

	return debug && debug->r_state != RT_CONSISTENT &&
	       locks_load_is_mine(&ga->loader, false);
}

/* False: this thread has one of them, and has been interrupted: none is taken.  It has at
 * most one whose owner is not known yet, and none below that one. */
static bool take_locks(struct goaudit *ga, bool *write_lock)
{
	pthread_mutex_t *const locks[] = LOCKS_LEAVES(ga);
	bool own = interrupted_has(&ga->core.lock) || is_loading(ga);
	unsigned n;

	for (n = 0; n < LOCKS_N_LEAVES; n++)
		own = own || interrupted_has(locks[n]);
	if (own || !call_forking(&ga->loader))
		return false;
	*write_lock = ldso_forking(&ga->loader);
	if (interrupted_lock(&ga->core.lock)) {
		if (dlbind_forking()) {
			for (n = 0; n < LOCKS_N_LEAVES && interrupted_lock(locks[n]);)
				n++;
			if (n == LOCKS_N_LEAVES)
				return true;
			release_leaves(ga, n);
			dlbind_forked(false);
		}
		pthread_mutex_unlock(&ga->core.lock);
	}
	if (*write_lock)
		ldso_forked(&ga->loader, false);
	call_not_forking(&ga->loader);
	return false;
}

/* Forks under way in signal handlers that have interrupted us. */
static struct inside {
	const void *thread; /* atomic; NULL: free */
	int tid, cancel;
	bool loading;
} inside[8];

static void fork_inside(struct goaudit *ga, int cancel)
{
	const void *self = arch_thread_pointer(), *nobody = NULL;
	unsigned n = 0;

	/* What the child may have then is not removed before it is gone. */
	ga->loader.folders.unheld = ga->loader.folders.serial;
	while (!__atomic_compare_exchange_n(&inside[n].thread, &nobody, self, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		nobody = NULL;
		n = (n + 1) % (sizeof inside / sizeof *inside);
	}
	inside[n].tid = ga->core.inside ? ga->core.inside : (int)syscall(SYS_gettid);
	inside[n].cancel = cancel;
	inside[n].loading = ga->core.inside ? ga->core.inside_loader : is_loading(ga);
}

/* Was it such a fork?  Its thread's number then. */
static int forked_inside(int *cancel, bool *loading)
{
	for (unsigned n = 0; n < sizeof inside / sizeof *inside; n++) {
		int tid = inside[n].tid;

		if (__atomic_load_n(&inside[n].thread, __ATOMIC_ACQUIRE) !=
		    arch_thread_pointer())
			continue;
		*cancel = inside[n].cancel;
		*loading = inside[n].loading;
		__atomic_store_n(&inside[n].thread, NULL, __ATOMIC_RELEASE);
		return tid;
	}
	return 0;
}

static void before_fork(void)
{
	struct goaudit *ga = &goaudit_module;
	int cancel = cancel_off();
	bool taken;

	if (ga->core.inside || !take_locks(ga, &taken)) {
		fork_inside(ga, cancel);
		return;
	}
	calls_forking(&ga->entries);
	folder_forking(&ga->loader);
	ga->loader.host.fork_cancel = cancel;
	ga->loader.host.fork_write_lock = taken;
}

static void after_fork_parent(void)
{
	struct goaudit *ga = &goaudit_module;
	bool taken = ga->loader.host.fork_write_lock, loading;
	int cancel = ga->loader.host.fork_cancel;

	if (!forked_inside(&cancel, &loading)) {
		call_forked_parent(&ga->loader);
		release_leaves(ga, LOCKS_N_LEAVES);
		dlbind_forked(false);
		folder_forked_parent(&ga->loader);
		pthread_mutex_unlock(&ga->core.lock);
		if (taken)
			ldso_forked(&ga->loader, false);
	}
	cancel_restore(&cancel);
}

/* With all locks, of which the leaves are given back. */
static void recover_child(struct goaudit *ga, bool leaves)
{
	ldso_forked(&ga->loader, true);
	call_forked_child(&ga->loader);
	error_forked(&ga->core, ga->entries.forking);
	if (leaves)
		release_leaves(ga, LOCKS_N_LEAVES);
	dlbind_forked(true);
	ga->core.forked = true;
	pthread_cond_init(&ga->core.changed, NULL);
	calls_forked(&ga->entries);
	threads_forked(&ga->reloads);
	languages_forked(&ga->adapters);
	reaper_forked(&ga->reloads);
	watch_forked(ga);
	control_forked(ga);
	recover_forked(&ga->reloads);
	folder_forked_child(&ga->loader);
	pthread_mutex_unlock(&ga->core.lock);
}

/* Of threads that are no more.  False: one is left that this thread goes on with. */
static bool free_locks(struct goaudit *ga)
{
	pthread_mutex_t *const locks[] = LOCKS_LEAVES(ga);
	bool all = interrupted_is_free(&ga->core.lock, ga->core.inside);

	for (unsigned n = 0; n < LOCKS_N_LEAVES; n++)
		all = interrupted_is_free(locks[n], ga->core.inside) && all;
	if (ga->core.inside_loader && ga->loader.ldso.debug->r_state != RT_CONSISTENT)
		all = false;
	return all && !dlbind_interrupted(ga->core.inside);
}

static void after_fork_child(void)
{
	struct goaudit *ga = &goaudit_module;
	bool loading;
	int cancel = ga->loader.host.fork_cancel, tid = forked_inside(&cancel, &loading);

	if (tid) {
		memset(inside, 0, sizeof inside);
		ga->core.inside = tid;
		ga->core.inside_loader = loading;
		free_locks(ga);
	} else {
		recover_child(ga, true);
	}
	cancel_restore(&cancel);
}

bool process_is_inside(void)
{
	struct goaudit *ga = &goaudit_module;

	if (!ga->core.inside)
		return false;
	if (!free_locks(ga))
		return true;
	ga->entries.forking = ga->core.inside;
	ga->core.inside = 0;
	pthread_mutex_lock(&ga->core.lock);
	recover_child(ga, false);
	return false;
}

const char *process_inside_text(void)
{
	return "this process was forked by a signal handler that had interrupted goaudit: "
	       "nothing can be opened or looked up in it before the handler has returned: "
	       "start a program, or end";
}

const struct host_handlers process_handlers = {
	.at_exit = at_exit,
	.before_fork = before_fork,
	.after_fork_parent = after_fork_parent,
	.after_fork_child = after_fork_child,
};
