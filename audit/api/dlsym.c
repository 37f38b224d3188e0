#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/dlcalls.h"
#include "api/goaudit.h"
#include "api/process.h"
#include "api/targets.h"
#include "core/arch.h"
#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "dlbind.h"
#include "entry/entry.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "loader/real.h"

/* What a handle of ours stands for, which is not unmapped until registry_let_go.
 * *lasting: it is a lasting one, whatever it stands for. */
static struct generation *pin(struct goaudit *ga, const void *handle, bool *lasting)
{
	struct generation *gen;

	pthread_mutex_lock(&ga->core.lock);
	*lasting = registry_was_lasting(&ga->guests, handle);
	gen = registry_find_handle_locked(&ga->guests, handle);
	if (gen && gen->object.map)
		gen->kept++;
	else
		gen = NULL;
	pthread_mutex_unlock(&ga->core.lock);
	return gen;
}

struct lookup {
	void *real; /* dlsym or dlvsym */
	const char *name, *version;
	const void *ret; /* see arch_call_as */
};

static void *look_up(const struct lookup *l, void *handle)
{
	return (void *)arch_call_as(l->real, handle, (uint64_t)l->name, (uint64_t)l->version,
				    l->ret);
}

/* dlerror's text of a failed lookup, with the user's name for the file. */
static void name_error(struct goaudit *ga, const struct generation *gen)
{
	const char *text = real_dlerror ? real_dlerror() : NULL;
	size_t n = strlen(gen->info->snapshot);

	if (text && strncmp(text, gen->info->snapshot, n) == 0)
		error_set(&ga->core, "%s%s", gen->guest->path, text + n);
	else if (text)
		error_set(&ga->core, "%s", text);
}

/* A function of a library that the guest needs is called through that one's entries;
 * while a newer one of the library serves, by its address. */
static void enter_needed(struct goaudit *ga, const struct lookup *l, void **found)
{
	struct generation *gen;

	pthread_mutex_lock(&ga->core.lock);
	gen = registry_find_address_locked(&ga->guests, (uintptr_t)*found);
	if (gen && (!gen->users || gen->guest->raw || gen->guest->serving != gen))
		gen = NULL;
	if (gen)
		gen->kept++;
	pthread_mutex_unlock(&ga->core.lock);
	if (!gen)
		return;
	entry_for(&ga->entries, gen, l->name, l->version, found);
	registry_let_go(&ga->guests, gen);
}

/* dlsym and dlvsym in a guest: its functions are called through entries. */
static void *look_up_in_guest(struct goaudit *ga, const struct lookup *l, void *handle,
			      bool *ours)
{
	struct generation *gen;
	bool lasting, again;
	void *found;

	do {
		gen = pin(ga, handle, &lasting);
		*ours = gen || lasting;
		if (!gen) {
			if (lasting)
				error_set(&ga->core,
					  "%p: the handle is not open: it was "
					  "closed before",
					  handle);
			return NULL;
		}
		found = look_up(l, gen->object.map);
		if (!found)
			name_error(ga, gen);
		again = found && !gen->guest->raw &&
			!entry_for(&ga->entries, gen, l->name, l->version, &found);
		if (found && !again && gen->pins.needs)
			enter_needed(ga, l, &found);
		registry_let_go(&ga->guests, gen);
	} while (again && lasting);
	return found;
}

/* One of our names: whoever finds the host's function finds ours. */
static void *look_up_target(struct goaudit *ga, const struct lookup *l, const struct target *t,
			    void *handle)
{
	void *found;

	real_find(&ga->loader);
	found = look_up(l, handle);
	if (t->real)
		return found && found == *t->real ? t->entry : found;
	if (!found)
		real_forget_error(); /* that the name is unknown is no error now */
	return found ? found : t->entry;
}

static struct decision decide_symbol(void *real, void *handle, const char *name,
				     const char *version, const void *caller)
{
	struct goaudit *ga = &goaudit_module;
	struct lookup l = { .real = real, .name = name, .version = version };
	bool ours = false;
	void *found;
	const struct target *target;

	error_clear(&ga->core);
	if (!name)
		return NOT_OURS;
	l.ret = real_ret_in_caller(&ga->loader, caller);
	target = targets_find(name);
	if (handle != RTLD_DEFAULT && handle != RTLD_NEXT && goaudit_debug.guests) {
		found = look_up_in_guest(ga, &l, handle, &ours);
		if (ours)
			return OURS(found);
	}
	return target ? OURS(look_up_target(ga, &l, target, handle)) : NOT_OURS;
}

struct decision decide_dlsym(void *handle, const char *name, uint64_t a, uint64_t b,
			     const void *caller)
{
	CANCEL_OFF();

	UNLESS_INSIDE(OURS(NULL));
	(void)a, (void)b;
	return decide_symbol(real_dlsym, handle, name, NULL, caller);
}

struct decision decide_dlvsym(void *handle, const char *name, const char *version, uint64_t a,
			      const void *caller)
{
	CANCEL_OFF();

	UNLESS_INSIDE(OURS(NULL));
	(void)a;
	return decide_symbol(real_dlvsym, handle, name, version, caller);
}
