#include "reload/load.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "adapter/adapter.h"
#include "adapter/languages.h"
#include "core/arch.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/instances.h"
#include "guest/records.h"
#include "guest/registry.h"
#include "guest/snapshot.h"
#include "image/image.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/identity.h"
#include "loader/ldso.h"
#include "loader/rest.h"
#include "loader/transaction.h"
#include "reload/job.h"
#include "reload/needed.h"
#include "reload/pins.h"
#include "reload/reloads.h"
#include "reload/retire.h"

/* --- loading -------------------------------------------------------------- */

/* ld.so's words (elf/dl-reloc.c, _dl_allocate_static_tls). */
static bool is_about_static_tls(const char *text)
{
	return text && strstr(text, "static TLS");
}

/* A mapping more than the kernel allows (elf/dl-load.c, lose; elf/dl-reloc.c,
 * _dl_protect_relro). */
static bool is_about_mappings(const char *text)
{
	return text &&
	       (strstr(text, "failed to map segment") || strstr(text, "annot allocate memory"));
}

/* dlerror's text of a failed dlmopen, with the user's name for the file. */
static void loader_error(struct reloads *rl, const struct generation *gen, const char *text)
{
	const char *snapshot = gen->info->snapshot, *cure = "";
	size_t n = strlen(snapshot);
	char many[160];

	if (is_about_static_tls(text))
		cure = ": each generation takes its share: start the program with "
		       "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536, or build the "
		       "guest with -ftls-model=global-dynamic";
	if (gen->guest->instance && is_about_mappings(text)) {
		snprintf(many, sizeof many,
			 ": %u instances are open, and no more fit: close some, or raise "
			 "vm.max_map_count or the limit of address space",
			 instances_open(rl->guests, gen->guest));
		cure = many;
	}
	if (text && strncmp(text, snapshot, n) == 0)
		error_set(rl->core, "%s%s%s", gen->guest->path, text + n, cure);
	else
		error_set(rl->core, "%s: %s%s", gen->guest->path,
			  text ? text : "cannot be loaded", cure);
}

static struct generation *new_generation_locked(struct job *job)
{
	struct reloads *rl = job->rl;
	const struct snapshot *s = &job->snapshot;
	struct generation *gen = registry_generation_locked(rl->guests, job->guest);

	if (!gen)
		return NULL;
	gen->owner = arch_thread_pointer();
	registry_describe_locked(rl->guests, gen, s, job->request->path);
	gen->reloadable = job->request->reloadable;
	languages_take_locked(gen, &s->facts);
	gen->panic_return = gen->adapter->returns_panics &&
			    (job->request->panic_return || rl->core->settings.panic_return);
	gen->opened_global = (job->request->mode & RTLD_GLOBAL) != 0;
	return gen;
}

/* The new generation did not load: it never was. */
static void discard(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *gen = job->gen;

	if (gen->object.map && ldso_lists(rl->loader, gen->object.map, gen->info->snapshot)) {
		job->snapshot.file[0] = 0; /* the generation's, until it is out */
		retire_failed(rl, gen);
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	gen->guest->generations--;
	retire_gone_locked(rl, gen);
	pthread_mutex_unlock(&rl->core->lock);
}

/* la_objopen: the object is mapped, nothing of it has run. */
void reload_mapped(struct reloads *rl, struct link_map *map)
{
	struct generation *gen;
	uintptr_t lo, hi;

	if (!folder_has(rl->loader, map->l_name) || !elf_range(map, &lo, &hi))
		return;
	pthread_mutex_lock(&rl->core->lock);
	gen = registry_find_snapshot_locked(rl->guests, map->l_name);
	if (gen && gen->info->state == GOAUDIT_LOADING) {
		/* Instances share a file.  Of others ld.so finds by its number what another
		 * object needs. */
		if (gen->guest->instances)
			identity_drop(rl->loader, map);
		registry_mapped_locked(rl->guests, gen, map, lo, hi);
	}
	pthread_mutex_unlock(&rl->core->lock);
}

/* glibc gives static TLS back where what is unmapped had it last, so with the old
 * generation out of the way its successor gets its share.  Only of a C guest that
 * everybody has closed; it is gone even if the new one does not load.  Returns whether
 * there is room now.  In a transaction. */
static bool make_way(struct job *job)
{
	struct reloads *rl = job->rl;
	struct generation *old = job->old;

	if (!old || old->reaped || old->info->state != GOAUDIT_PARKED)
		return false;
	log_line(rl->core,
		 "%s: static TLS is short: generation %u goes before the new one comes",
		 job->guest->path, old->info->number);
	retire_generation(rl, old);
	job->old = NULL;
	return old->info->state == GOAUDIT_GONE;
}

/* ld.so's handle for the new generation; NULL: dlerror is set. */
static struct link_map *map_snapshot(struct job *job, struct call *plain)
{
	struct reloads *rl = job->rl;
	const struct generation *gen = job->gen;
	int mode = job->request->mode & ~RTLD_NODELETE;
	const char *text;
	struct link_map *map;

	call_push(rl->loader, plain);
	map = dlmopen(LM_ID_BASE, gen->info->snapshot, mode);
	text = map ? NULL : dlerror();
	if (is_about_static_tls(text) && make_way(job)) {
		plain->needed->over = false;
		map = dlmopen(LM_ID_BASE, gen->info->snapshot, mode);
		text = map ? NULL : dlerror();
	}
	call_pop(rl->loader, plain);
	/* It is left mapped as far as it got (elf/dl-load.c, _dl_map_object_from_fd). */
	if (!map && is_about_mappings(text) &&
	    !ldso_lists(rl->loader, gen->object.map, gen->info->snapshot))
		rest_unmap(gen->info->snapshot);
	if (!map && !plain->needed->failed)
		loader_error(rl, gen, text);
	return map;
}

void load_generation(struct job *job)
{
	struct reloads *rl = job->rl;
	struct needed_load needed = { .guest = job->guest };
	struct call plain = { .kind = CALL_PLAIN, .needed = &needed };
	struct generation *gen;
	struct link_map *map;
	uint64_t begin;

	pthread_mutex_lock(&rl->core->lock);
	job->old = job->guest->current;
	gen = job->gen = new_generation_locked(job);
	if (gen)
		gen->before = job->old;
	/* Its constructors may open it themselves. */
	if (gen)
		job->guest->current = gen;
	pthread_mutex_unlock(&rl->core->lock);
	if (!gen) {
		error_set(rl->core,
			  "%s: no room for the record of another generation, there are %u: "
			  "close some guests, or raise the limit of address space",
			  job->guest->path, goaudit_debug.records);
		job->outcome = FAILED;
		return;
	}
	/* Two generations in the list at once would mix up their symbols. */
	if (job->old && !job->old->object.hidden)
		retire_hide(rl, job->old);
	needed_begin(rl, &needed);
	begin = clock_ns();
	map = map_snapshot(job, &plain);
	needed_end(rl, &needed, map != NULL);
	if (!map) {
		pthread_mutex_lock(&rl->core->lock);
		job->guest->current = job->old;
		pthread_mutex_unlock(&rl->core->lock);
		retire_undo(rl, job->old);
		needed_settle(rl, &needed);
		discard(job);
		job->outcome = FAILED;
		return;
	}
	gen->module = plain.module;
	pins_take_needed(rl, gen);
	needed_settle(rl, &needed);
	pthread_mutex_lock(&rl->core->lock);
	records_begin_locked();
	gen->info->load_ns = clock_ns() - begin;
	records_end_locked();
	registry_set_state_locked(rl->guests, gen, GOAUDIT_INITIALISING);
	pthread_mutex_unlock(&rl->core->lock);
	log_line(rl->core, "%s: generation %u: %#llx-%#llx, %s%s%s", gen->guest->path,
		 gen->info->number, (unsigned long long)gen->info->lo,
		 (unsigned long long)gen->info->hi, gen->info->snapshot,
		 gen->info->build_id[0] ? ", build id " : "", gen->info->build_id);
	job->snapshot.file[0] = 0; /* the generation's from now on */
	job->handle = map;
	job->outcome = INITIALISE;
}
