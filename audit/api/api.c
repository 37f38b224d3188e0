#include "api/api.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "adapter/languages.h"
#include "api/reload_instances.h"
#include "api/goaudit.h"
#include "api/open.h"
#include "api/process.h"
#include "api/watch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "dlbind.h"
#include "entry/entry.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/registry.h"
#include "loader/debugger.h"
#include "loader/folder.h"
#include "loader/loader.h"
#include "loader/real.h"
#include "reload/reaper.h"
#include "reload/registered.h"
#include "reload/reload.h"
#include "reload/threads.h"

#define EXPORT __attribute__((visibility("default")))

char *api_dlerror(void)
{
	const char *text;
	CANCEL_OFF();

	UNLESS_INSIDE((char *)process_inside_text());
	text = error_take(&goaudit_module.core);
	if (text)
		return (char *)text;
	return ((char *(*)(void))real_dlerror)();
}

/* A program knows a guest by the name that it opened. */
static void user_name(Dl_info *info)
{
	struct goaudit *ga = &goaudit_module;
	struct generation *gen;

	if (!info->dli_fname || !folder_has(&ga->loader, info->dli_fname))
		return;
	pthread_mutex_lock(&ga->core.lock);
	gen = registry_find_address_locked(&ga->guests, (uintptr_t)info->dli_fbase);
	if (gen)
		info->dli_fname = gen->guest->path; /* lives longer than the object */
	pthread_mutex_unlock(&ga->core.lock);
}

int api_dladdr(const void *address, Dl_info *info)
{
	CANCEL_OFF();
	int found = ((int (*)(const void *, Dl_info *))real_dladdr)(
		entry_target(&goaudit_module.entries, address), info);

	if (found && !process_is_inside() &&
	    !languages_asks_loader(&goaudit_module.adapters, __builtin_return_address(0)))
		user_name(info);
	return found;
}

int api_dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	CANCEL_OFF();
	int found = ((int (*)(const void *, Dl_info *, void **,
			      int))real_dladdr1)(entry_target(&goaudit_module.entries, address),
						 info, extra, flags);

	if (found && !process_is_inside() &&
	    !languages_asks_loader(&goaudit_module.adapters, __builtin_return_address(0)))
		user_name(info);
	return found;
}

int api_dlinfo(void *handle, int request, void *arg)
{
	struct goaudit *ga = &goaudit_module;
	struct generation *gen;
	void *map = handle;
	int result = 0;
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	error_clear(&ga->core);
	pthread_mutex_lock(&ga->core.lock);
	gen = registry_find_handle_locked(&ga->guests, handle);
	if (gen && gen->object.map) {
		map = gen->object.map;
		gen->kept++; /* ld.so is asked without our lock */
	} else {
		gen = NULL;
	}
	pthread_mutex_unlock(&ga->core.lock);
	if (!gen && registry_was_lasting(&ga->guests, handle)) {
		error_set(&ga->core, "%p: the handle is not open: it was closed before",
			  handle);
		return -1;
	}
	if (gen && request == RTLD_DI_ORIGIN)
		/* as with glibc, the caller's buffer has to be large enough */
		registry_origin(gen, arg, PATH_MAX);
	else
		result = ((int (*)(void *, int, void *))real_dlinfo)(map, request, arg);
	if (gen)
		registry_let_go(&ga->guests, gen);
	return result;
}

int api_thread_atexit(void (*destructor)(void *), void *object, void *dso)
{
	CANCEL_OFF();

	if (__atomic_load_n(&goaudit_module.loader.folders.all, __ATOMIC_ACQUIRE) &&
	    !process_is_inside() &&
	    threads_register(&goaudit_module.reloads, destructor, object, dso))
		return 0;
	return ((int (*)(void (*)(void *), void *, void *))real_thread_atexit)(destructor,
									       object, dso);
}

int api_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	CANCEL_OFF();

	UNLESS_INSIDE(EAGAIN);
	return registered_key(&goaudit_module.reloads, key, destructor);
}

int api_pthread_key_delete(pthread_key_t key)
{
	CANCEL_OFF();

	UNLESS_INSIDE(EINVAL);
	return registered_no_key(&goaudit_module.reloads, key);
}

int api_cxa_atexit(void (*function)(void *), void *object, void *dso)
{
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	return registered_atexit(&goaudit_module.reloads, function, object, dso);
}

int api_on_exit(void (*function)(int, void *), void *arg)
{
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	return registered_on_exit(&goaudit_module.reloads, function, arg);
}

int api_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
		       void *arg)
{
	CANCEL_OFF();

	if (__atomic_load_n(&goaudit_module.loader.folders.all, __ATOMIC_ACQUIRE) &&
	    !process_is_inside())
		return threads_create(&goaudit_module.reloads, thread, attr, start, arg);
	return real_pthread_create(thread, attr, start, arg);
}

EXPORT void *dlreload2(void *handle, const struct goaudit_reload_options *options)
{
	CANCEL_OFF();

	UNLESS_INSIDE(NULL);
	error_clear(&goaudit_module.core);
	return reload_reload(&goaudit_module.reloads, handle, options);
}

EXPORT void *dlreload(void *handle)
{
	CANCEL_OFF();

	return dlreload2(handle, NULL);
}

EXPORT int goaudit_reclaim(void *handle, int timeout_ms)
{
	struct goaudit *ga = &goaudit_module;
	struct guest *guest = NULL;
	int left;
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	error_clear(&ga->core);
	if (handle) {
		pthread_mutex_lock(&ga->core.lock);
		guest = registry_guest_of_handle_locked(&ga->guests, handle);
		if (guest)
			registry_keep_locked(&ga->guests, guest);
		pthread_mutex_unlock(&ga->core.lock);
		if (!guest && registry_was_lasting(&ga->guests, handle))
			return 0; /* forgotten: all of it is gone */
		if (!guest) {
			error_set(&ga->core,
				  "%p: not a handle of a reloadable object: "
				  "pass one that dlopen returned",
				  handle);
			return -1;
		}
	}
	left = reaper_wait(&ga->reloads, guest, timeout_ms);
	if (guest)
		registry_release(&ga->guests, guest);
	return left;
}

EXPORT void *goaudit_open_instance(const char *path, int mode, void *context)
{
	const void *caller = __builtin_return_address(0);
	CANCEL_OFF();

	UNLESS_INSIDE(NULL);
	error_clear(&goaudit_module.core);
	return open_instance(&goaudit_module, path, mode, context, caller);
}

/* Of an instance or other guest, or of an entry.  In a signal handler, too; with nothing in
 * it at which a thread could be cancelled, and no lock. */
static void locate(const void *address, void **handle, void **context)
{
	const struct goaudit *ga = &goaudit_module;
	const struct guest *guest;

	if (instances_at(&ga->guests, (uintptr_t)address, handle, context))
		return;
	guest = entry_guest(&ga->entries, address);
	*handle = guest ? (void *)&guest->handle : NULL;
	*context = guest ? guest->context : NULL;
}

EXPORT void *goaudit_instance_of(const void *address)
{
	void *handle, *context;

	locate(address, &handle, &context);
	return handle;
}

EXPORT void *goaudit_context_of(const void *address)
{
	void *handle, *context;

	locate(address, &handle, &context);
	return context;
}

EXPORT int goaudit_reload_instances(const char *path,
				    const struct goaudit_reload_options *options)
{
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	error_clear(&goaudit_module.core);
	return reload_instances(&goaudit_module, path, options);
}

EXPORT int goaudit_watch(void *handle, goaudit_watch_function *callback, void *arg)
{
	struct goaudit *ga = &goaudit_module;
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	error_clear(&ga->core);
	return callback ? watch_start(ga, handle, callback, arg) : watch_stop(ga, handle);
}

/* For the libdlbind of the host (dlbind/embed.h). */
EXPORT int dlbind_relist(struct link_map *map, void (*between)(void *), void *arg)
{
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	return debugger_relist(&goaudit_module.loader, map, between, arg) ? 0 : -1;
}

EXPORT size_t goaudit_last_panic(char *text, size_t size)
{
	CANCEL_OFF();

	UNLESS_INSIDE(0);
	return languages_last_panic(&goaudit_module.adapters, text, size);
}

EXPORT size_t goaudit_generations(struct goaudit_generation *records, size_t count,
				  size_t record_size)
{
	struct goaudit *ga = &goaudit_module;
	size_t size = sizeof *records < record_size ? sizeof *records : record_size;
	size_t n;
	CANCEL_OFF();

	UNLESS_INSIDE(0);
	pthread_mutex_lock(&ga->core.lock);
	n = registry_copy_locked(&ga->guests, records, count, record_size, size);
	pthread_mutex_unlock(&ga->core.lock);
	return n;
}

EXPORT int goaudit_runtime_stats(struct goaudit_runtime *runtime, size_t size, int collect)
{
	struct goaudit_runtime full;
	CANCEL_OFF();

	UNLESS_INSIDE(-1);
	error_clear(&goaudit_module.core);
	if (languages_stats(&goaudit_module.adapters, &full, collect) != 0)
		return -1;
	memset(runtime, 0, size);
	memcpy(runtime, &full, size < sizeof full ? size : sizeof full);
	return 0;
}
