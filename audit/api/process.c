#include "api/process.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "../dlbind/embed.h"
#include "adapter/adapters.h"
#include "adapter/languages.h"
#include "api/control.h"
#include "api/goaudit.h"
#include "api/locks.h"
#include "api/watch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "entry/calls.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "loader/folder.h"
#include "loader/ldso.h"
#include "loader/loader.h"
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
 * test/process/t-fork-any-time.sh compares this list with the locks that there are. */
static void before_fork(void)
{
	struct goaudit *ga = &goaudit_module;
	pthread_mutex_t *const locks[] = LOCKS_LEAVES(ga);
	int cancel = cancel_off();
	bool taken;

	call_forking(&ga->loader);
	taken = ldso_forking(&ga->loader);
	pthread_mutex_lock(&ga->core.lock);
	calls_forking(&ga->entries);
	folder_forking(&ga->loader);
	dlbind_forking();
	for (unsigned i = 0; i < LOCKS_N_LEAVES; i++)
		pthread_mutex_lock(locks[i]);
	ga->loader.host.fork_cancel = cancel;
	ga->loader.host.fork_write_lock = taken;
}

static void release_leaves(struct goaudit *ga)
{
	pthread_mutex_t *const locks[] = LOCKS_LEAVES(ga);

	for (unsigned i = LOCKS_N_LEAVES; i-- > 0;)
		pthread_mutex_unlock(locks[i]);
}

static void after_fork_parent(void)
{
	struct goaudit *ga = &goaudit_module;
	bool taken = ga->loader.host.fork_write_lock;
	int cancel = ga->loader.host.fork_cancel;

	call_forked_parent(&ga->loader);
	release_leaves(ga);
	dlbind_forked(false);
	folder_forked_parent(&ga->loader);
	pthread_mutex_unlock(&ga->core.lock);
	if (taken)
		ldso_forked(&ga->loader, false);
	cancel_restore(&cancel);
}

static void after_fork_child(void)
{
	struct goaudit *ga = &goaudit_module;
	int cancel = ga->loader.host.fork_cancel;

	ldso_forked(&ga->loader, true);
	call_forked_child(&ga->loader);
	error_forked(&ga->core, ga->entries.forking);
	release_leaves(ga);
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
	cancel_restore(&cancel);
}
const struct host_handlers process_handlers = {
	.at_exit = at_exit,
	.before_fork = before_fork,
	.after_fork_parent = after_fork_parent,
	.after_fork_child = after_fork_child,
};
