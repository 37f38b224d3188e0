/* The auditor's callbacks (rtld-audit(7)).
 *
 * They run in ld.so, on any thread, with its load lock held.  They record, turn
 * an object's references, or run what a call of ours has left for them; nothing
 * is decided here. */

#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cancel.h"
#include "loader/debugger.h"
#include "loader/host.h"
#include "loader/redirect.h"
#include "reload/needed.h"
#include "api/open.h"
#include "guest/origin.h"
#include "reload/reload.h"
#include "reload/retire.h"
#include "adapter/binding.h"
#include "api/goaudit.h"
#include "loader/tables.h"

#define OLDEST_GLIBC 34		/* 2.34; the command says so, too (tool/live/launch.c) */
#define EXPORT __attribute__((visibility("default")))

struct goaudit goaudit_state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.calls_lock = PTHREAD_MUTEX_INITIALIZER,
	.calls_changed = PTHREAD_COND_INITIALIZER,
	.errors.lock = PTHREAD_MUTEX_INITIALIZER,
	.guard.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.reaper.work = PTHREAD_COND_INITIALIZER,
};

/* ld.so hands the process's own vector to an auditor's constructors. */
__attribute__((constructor)) static void remember_arguments(int argc, char **argv)
{
	host_remember(&goaudit_state.host, argc, argv);
}

/* dl_iterate_phdr: sees the auditor's own namespace. */
static int is_ours(struct dl_phdr_info *info, size_t size, void *path)
{
	uintptr_t at = (uintptr_t)&goaudit_state - info->dlpi_addr;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    at - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_memsz)
			return realpath(info->dlpi_name, path) != NULL;
	return 0;
}

/* The companions lie beside the module in the build folder, and in a folder
 * of their own, goaudit/ beside it, where it is installed.  Symbolic links (of
 * the soname) are followed; a relative LD_AUDIT is relative to where the process
 * started. */
static void find_home(struct goaudit *ga)
{
	char path[PATH_MAX] = "", companion[sizeof ga->home + 32], *slash;

	if (!dl_iterate_phdr(is_ours, path))
		return;
	slash = strrchr(path, '/');
	*slash = 0;
	snprintf(ga->home, sizeof ga->home, "%.480s/goaudit", path);
	snprintf(companion, sizeof companion, "%s/libgoaudit-entries.so", ga->home);
	if (access(companion, R_OK) != 0)
		snprintf(ga->home, sizeof ga->home, "%.480s", path);
}

EXPORT unsigned int la_version(unsigned int version)
{
	struct goaudit *ga = &goaudit_state;
	int glibc;
	CANCEL_OFF();

	if (version < 1)
		return 0;
	/* Before glibc 2.34 dlopen and its kin are in a library of their own, which
	 * does not work in an auditor's namespace: the program runs without us.  The
	 * answer that has ld.so unload us would abort it, because libpthread, which we
	 * need there, is never unloaded. */
	if (sscanf(gnu_get_libc_version(), "2.%d", &glibc) != 1 || glibc < OLDEST_GLIBC) {
		ga->idle = true;
		return version < LAV_CURRENT ? version : LAV_CURRENT;
	}
	settings_read(ga);
	if (ga->settings.here_only)
		host_hide_module(&ga->host);
	find_home(ga);
	registry_init(ga);
	ldso_init(ga);
	return version < LAV_CURRENT ? version : LAV_CURRENT;
}

EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t ns, uintptr_t *cookie)
{
	struct goaudit *ga = &goaudit_state;
	CANCEL_OFF();

	*cookie = (uintptr_t)map;
	if (ns != LM_ID_BASE || ga->idle)
		return 0;
	if (!ga->ldso.head)
		ga->ldso.head = map;
	if (!snapshot_is_ours(ga, map->l_name) && strcmp(map->l_name, ga->made.tiny) != 0)
		__atomic_add_fetch(&ga->ldso.others, 1, __ATOMIC_RELEASE);
	reload_mapped(ga, map);
	intercept_object(ga, map);
	origin_settle(ga, map);
	scope_settle(ga, map);
	debugger_tiny_opened(ga, map);
	return 0;		/* no symbol of it is audited */
}

EXPORT unsigned int la_objclose(uintptr_t *cookie)
{
	CANCEL_OFF();

	if (goaudit_state.idle)
		return 0;
	wide_forget(&goaudit_state.gate.wide);
	tables_closed(&goaudit_state, (const struct link_map *)*cookie);
	return 0;
}

EXPORT void la_preinit(uintptr_t *cookie)
{
	CANCEL_OFF();

	(void)cookie;
	if (goaudit_state.idle)
		return;
	host_begins(&goaudit_state);
}

EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
	struct goaudit *ga = &goaudit_state;
	struct call *call;
	CANCEL_OFF();

	if (ga->idle)
		return (char *)name;
	call = call_innermost(ga);
	if (call && call->kind == CALL_TRANSACTION && flag == LA_SER_ORIG &&
	    ldso_transaction_search(ga, call, name))
		return NULL;
	if (call && call->kind == CALL_WATCH && open_watch(ga, call, name, flag))
		return NULL;
	if (flag == LA_SER_ORIG && cookie) {
		const char *runtime = origin_runtime(
			ga, (const struct link_map *)*cookie, name);

		if (runtime)
			return (char *)runtime;
		if (call && call->kind == CALL_PLAIN && call->needed &&
		    (runtime = needed_search(ga, call->needed, (struct link_map *)*cookie,
					     name)))
			return (char *)runtime;
	}
	if (strchr(name, '/') && (!call || call->kind == CALL_PLAIN)) {
		const char *listed = needed_listed(ga, name);

		if (listed)
			return (char *)listed;
	}
	return (char *)name;
}

EXPORT void la_activity(uintptr_t *cookie, unsigned int flag)
{
	CANCEL_OFF();

	(void)cookie;
	struct call *call;

	if (goaudit_state.idle)
		return;
	if (flag == LA_ACT_CONSISTENT && (call = call_innermost(&goaudit_state)) &&
	    call->needed)
		call->needed->over = true;	/* constructors come next */
	if (flag == LA_ACT_DELETE) {
		tables_unmapped(&goaudit_state);
		debugger_activity_delete(&goaudit_state);
	} else if (flag == LA_ACT_CONSISTENT) {
		retire_look(&goaudit_state);
	}
}
