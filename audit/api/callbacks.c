#include <gnu/libc-version.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "adapter/languages.h"
#include "api/goaudit.h"
#include "api/open.h"
#include "api/process.h"
#include "api/start.h"
#include "api/targets.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/settings.h"
#include "dlbind.h"
#include "entry/entries.h"
#include "entry/wide.h"
#include "goaudit.h"
#include "guest/origin.h"
#include "guest/registry.h"
#include "loader/debugger.h"
#include "loader/folder.h"
#include "loader/host.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "loader/tables.h"
#include "loader/transaction.h"
#include "reload/load.h"
#include "reload/needed.h"
#include "reload/registered.h"
#include "reload/retire.h"

#define OLDEST_GLIBC 34 /* 2.34; the command says so, too (tool/live/launch.c) */
#define EXPORT       __attribute__((visibility("default")))

/* ld.so hands the process's own vector to an auditor's constructors. */
__attribute__((constructor)) static void remember_arguments(int argc, char **argv)
{
	host_remember(&goaudit_module.loader.host, argc, argv);
}

EXPORT unsigned int la_version(unsigned int version)
{
	struct goaudit *ga = &goaudit_module;
	int glibc;
	CANCEL_OFF();

	if (version < 1)
		return 0;
	/* Before glibc 2.34 dlopen and its kin are in a library of their own, which
	 * does not work in an auditor's namespace: the program runs without us.  The
	 * answer that has ld.so unload us would abort it, because libpthread, which we
	 * need there, is never unloaded. */
	if (sscanf(gnu_get_libc_version(), "2.%d", &glibc) != 1 || glibc < OLDEST_GLIBC) {
		ga->core.idle = true;
		return version < LAV_CURRENT ? version : LAV_CURRENT;
	}
	goaudit_init(ga);
	settings_read(&ga->core);
	if (ga->core.settings.here_only)
		host_hide_module(&ga->loader.host);
	core_find_home(&ga->core);
	registry_init(&ga->guests);
	ldso_init(&ga->loader);
	return version < LAV_CURRENT ? version : LAV_CURRENT;
}

static bool is_idle(const struct goaudit *ga)
{
	return ga->core.idle || process_is_inside();
}

EXPORT unsigned int la_objopen(struct link_map *map, Lmid_t ns, uintptr_t *cookie)
{
	struct goaudit *ga = &goaudit_module;
	CANCEL_OFF();

	*cookie = (uintptr_t)map;
	if (ns != LM_ID_BASE || is_idle(ga))
		return 0;
	if (!ga->loader.head)
		ga->loader.head = map;
	if (!folder_has(&ga->loader, map->l_name) &&
	    strcmp(map->l_name, ga->loader.tiny.path) != 0)
		__atomic_add_fetch(&ga->loader.others, 1, __ATOMIC_RELEASE);
	reload_mapped(&ga->reloads, map);
	targets_redirect(ga, map);
	origin_rewrite(&ga->guests, map);
	languages_mapped(&ga->adapters, map);
	debugger_tiny_opened(&ga->loader, map);
	return 0; /* no symbol of it is audited */
}

EXPORT unsigned int la_objclose(uintptr_t *cookie)
{
	CANCEL_OFF();

	if (is_idle(&goaudit_module))
		return 0;
	wide_forget(&goaudit_module.entries.wide);
	registered_closed(&goaudit_module.reloads, (const struct link_map *)*cookie);
	tables_closed(&goaudit_module.loader, (const struct link_map *)*cookie);
	return 0;
}

EXPORT void la_preinit(uintptr_t *cookie)
{
	CANCEL_OFF();

	(void)cookie;
	if (is_idle(&goaudit_module))
		return;
	host_begins(&goaudit_module.loader);
}

EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
	struct goaudit *ga = &goaudit_module;
	struct call *call;
	CANCEL_OFF();

	if (is_idle(ga))
		return (char *)name;
	call = call_innermost(&ga->loader);
	if (call && call->kind == CALL_TRANSACTION && flag == LA_SER_ORIG &&
	    transaction_search(&ga->loader, call, name))
		return NULL;
	if (call && call->kind == CALL_WATCH && open_watch(ga, call, name, flag))
		return NULL;
	if (flag == LA_SER_ORIG && cookie) {
		const char *runtime =
			languages_search(&ga->adapters, (const struct link_map *)*cookie, name);

		if (runtime)
			return (char *)runtime;
		if (call && call->kind == CALL_PLAIN && call->needed &&
		    (runtime = needed_search(&ga->reloads, call->needed,
					     (struct link_map *)*cookie, name)))
			return (char *)runtime;
	}
	if (strchr(name, '/') && (!call || call->kind == CALL_PLAIN)) {
		const char *listed = needed_listed(&ga->reloads, name);

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

	if (is_idle(&goaudit_module))
		return;
	if (flag == LA_ACT_CONSISTENT && (call = call_innermost(&goaudit_module.loader)) &&
	    call->needed)
		call->needed->over = true; /* constructors come next */
	if (flag == LA_ACT_DELETE) {
		tables_unmapped(&goaudit_module.loader);
		debugger_activity_delete(&goaudit_module.loader);
	} else if (flag == LA_ACT_CONSISTENT) {
		retire_look(&goaudit_module.reloads);
	}
}
