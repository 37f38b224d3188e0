#include "reload/needed.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/languages.h"
#include "core/arch.h"
#include "core/core.h"
#include "core/error.h"
#include "dlbind.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "guest/registry.h"
#include "guest/snapshot.h"
#include "guest/stamp.h"
#include "image/image.h"
#include "loader/debugger.h"
#include "loader/elf.h"
#include "loader/folder.h"
#include "loader/ldso.h"
#include "loader/loader.h"
#include "reload/pins.h"
#include "reload/reloads.h"
#include "reload/retire.h"
#include "reload/users.h"

/* Folders whose libraries are the system's: they are loaded as ld.so does. */
static const char *const system_folders[] = {
	"/lib/",     "/lib32/",     "/lib64/",     "/libx32/",
	"/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libx32/",
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- which file ---------------------------------------------------------------- */

static bool is_systems(const char *path)
{
	for (unsigned i = 0; i < COUNT(system_folders); i++)
		if (strncmp(path, system_folders[i], strlen(system_folders[i])) == 0)
			return true;
	return false;
}

/* folder/name, if there is such a file; to be freed. */
static char *in_folder(const char *folder, const char *name)
{
	char *file = NULL, *hwcaps = NULL;

	/* What lies below is for this processor, and ld.so's to choose. */
	if (asprintf(&hwcaps, "%s/glibc-hwcaps", folder) < 0)
		return NULL;
	if (access(hwcaps, F_OK) == 0 || asprintf(&file, "%s/%s", folder, name) < 0)
		file = NULL;
	free(hwcaps);
	if (file && access(file, R_OK) == 0)
		return file;
	free(file);
	return NULL;
}

/* Where ld.so will find what the requester needs: to be freed; NULL: in its cache or
 * nowhere. */
static char *search(struct link_map *requester, const char *name)
{
	Dl_serinfo size, *folders;
	char *file = NULL;

	if (strchr(name, '/'))
		return strdup(name);
	if (dlinfo(requester, RTLD_DI_SERINFOSIZE, &size) != 0 ||
	    !(folders = malloc(size.dls_size)))
		return NULL;
	*folders = size;
	/* The last ones are the system's, before which the cache comes. */
	if (dlinfo(requester, RTLD_DI_SERINFOSIZE, folders) == 0 &&
	    dlinfo(requester, RTLD_DI_SERINFO, folders) == 0)
		for (unsigned i = 0; i < folders->dls_cnt && !file; i++)
			file = in_folder(folders->dls_serpath[i].dls_name, name);
	free(folders);
	return file;
}

/* Has the process loaded this file otherwise? */
static bool is_loaded(const struct reloads *rl, const struct stat *file)
{
	struct stat st;

	for (const struct link_map *map = rl->loader->head; map; map = map->l_next)
		if (map->l_name && map->l_name[0] && !folder_has(rl->loader, map->l_name) &&
		    stat(map->l_name, &st) == 0 && st.st_dev == file->st_dev &&
		    st.st_ino == file->st_ino)
			return true;
	return false;
}

/* Is it what the generation was made from?  Keeps the stamps of a file with the same
 * content. */
static bool is_file_of(struct reloads *rl, struct generation *gen, int fd)
{
	struct snapshot s = { 0 };
	struct stat st;
	struct file_stamp now;
	bool same;

	if (fstat(fd, &st) != 0)
		return false;
	now = stamp_of(&st);
	if (stamp_same(&now, &gen->stamp) && !gen->stamp.racy)
		return true;
	if (snapshot_read(rl->guests, fd, gen->guest->path, &s) != 0) {
		error_clear(rl->core);
		return false;
	}
	same = memcmp(s.hash, gen->hash, sizeof s.hash) == 0;
	if (same) {
		pthread_mutex_lock(&rl->core->lock);
		registry_restamp_locked(rl->guests, gen, &s.stamp);
		pthread_mutex_unlock(&rl->core->lock);
	}
	snapshot_release(&s);
	return same;
}

/* The name that the library was found by may lead to another file now. */
static bool is_current(struct reloads *rl, struct generation *gen)
{
	char *path = realpath(gen->guest->name, NULL);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool same = fd >= 0 && strcmp(path, gen->guest->path) == 0 && is_file_of(rl, gen, fd);

	if (fd >= 0)
		close(fd);
	free(path);
	return same;
}

/* A library whose names its only user defines, too, is bound to that one's: to a next
 * generation of that user it is of no use. */
static bool is_bound_to(const struct reloads *rl, const struct generation *gen,
			const struct guest *guest)
{
	const struct generation *user, *own = NULL;
	const ElfW(Sym) *syms = (void *)elf_dynamic_address(gen->object.map, DT_SYMTAB);
	const char *strings = (void *)elf_dynamic_address(gen->object.map, DT_STRTAB);
	size_t n = elf_symbol_count(gen->object.map);

	for (user = rl->guests->registry.live; user; user = user->next_live)
		if (user->object.map && users_reach_directly(user, gen)) {
			if (user->guest != guest)
				return false;
			own = user;
		}
	for (size_t i = 1; own && i < n; i++)
		if (ELF64_ST_BIND(syms[i].st_info) != STB_LOCAL && strings[syms[i].st_name] &&
		    elf_symbol(own->object.map, strings + syms[i].st_name))
			return true;
	return false;
}

/* Does it need something that has changed?  Then it is of no use either. */
static bool needs_changed(struct reloads *rl, struct generation *gen)
{
	for (unsigned i = 0; i < gen->pins.needs; i++) {
		struct generation *need = gen->pins.need[i];

		if (need->info->references)
			continue;
		if (need->info->state >= GOAUDIT_SUPERSEDED || !is_current(rl, need) ||
		    needs_changed(rl, need))
			return true;
	}
	return false;
}

/* May what is loaded have this generation? */
static bool fits(struct reloads *rl, const struct needed_load *load, struct generation *gen)
{
	return gen->info->references || gen->info->state == GOAUDIT_LOADING ||
	       (is_current(rl, gen) && !needs_changed(rl, gen) &&
		!is_bound_to(rl, gen, load->guest));
}

/* --- one load ------------------------------------------------------------------- */

static void put_aside(struct reloads *rl, struct needed_load *load, struct generation *gen)
{
	retire_unlist(rl, gen);
	if (!gen->object.hidden)
		return;
	gen->next_needed = load->aside;
	load->aside = gen;
}

void needed_begin(struct reloads *rl, struct needed_load *load)
{
	/* Only this thread changes the list: it has ld.so's lock. */
	for (struct generation *gen = rl->guests->registry.used; gen; gen = gen->next_used)
		if (gen->object.map && !gen->object.hidden && !gen->info->references &&
		    gen->info->state != GOAUDIT_LOADING && !fits(rl, load, gen))
			put_aside(rl, load, gen);
}

/* What is no library: ld.so fails, and dlerror is ours. */
static const char *fail(struct needed_load *load)
{
	load->failed = true;
	return "/dev/null";
}

/* A new generation of the library.  In la_objsearch: ld.so maps it next. */
static const char *load_new(struct reloads *rl, struct needed_load *load, const char *path,
			    const char *found, int fd)
{
	struct snapshot s = { 0 };
	struct generation *gen = NULL;
	struct guest *guest;
	bool good = snapshot_read(rl->guests, fd, path, &s) == 0 &&
		    snapshot_make(rl->guests, path, &s) == 0;

	snapshot_release(&s);
	if (!good)
		return fail(load);
	pthread_mutex_lock(&rl->core->lock);
	guest = registry_guest_locked(rl->guests, path, found);
	gen = guest ? registry_generation_locked(rl->guests, guest) : NULL;
	if (gen) {
		registry_describe_locked(rl->guests, gen, &s, path);
		languages_take_locked(gen, &s.facts);
		gen->owner = arch_thread_pointer();
		gen->replaced = guest->current;
		guest->current = gen;
		gen->next_needed = load->fresh;
		load->fresh = gen;
	}
	pthread_mutex_unlock(&rl->core->lock);
	if (gen)
		return gen->info->snapshot;
	folder_remove(rl->loader, s.file);
	error_set(rl->core, "%s: out of memory, or too many generations are held: close some",
		  path);
	return fail(load);
}

/* Puts a parked one back while ld.so is in the middle of a load. */
static void relist_within(struct reloads *rl, struct generation *gen)
{
	debugger_reinsert_within(rl->loader, &gen->object);
	users_set_state(rl, gen, GOAUDIT_OPEN);
	for (unsigned i = 0; i < gen->pins.needs; i++)
		if (gen->pins.need[i]->object.hidden &&
		    gen->pins.need[i]->info->state == GOAUDIT_PARKED)
			relist_within(rl, gen->pins.need[i]);
}

/* The generation that is there, or a new one, or NULL: it is ld.so's. */
static const char *choose(struct reloads *rl, struct needed_load *load, const char *path,
			  const char *found, int fd)
{
	struct generation *gen;
	struct guest *guest;
	struct stat st;

	if (is_systems(path) || fstat(fd, &st) != 0 || is_loaded(rl, &st) ||
	    snapshot_kind(rl->guests, fd) != IMAGE_C)
		return NULL;
	pthread_mutex_lock(&rl->core->lock);
	guest = registry_find_path_locked(rl->guests, path);
	if (!guest)
		guest = registry_find_file_locked(rl->guests, &st);
	gen = guest ? guest->current : NULL;
	pthread_mutex_unlock(&rl->core->lock);
	if (!gen || !gen->object.map || gen->unmapping || gen->info->state > GOAUDIT_PARKED ||
	    !fits(rl, load, gen))
		return load_new(rl, load, path, found, fd);
	if (gen->object.hidden)
		relist_within(rl, gen);
	return gen->info->snapshot;
}

const char *needed_search(struct reloads *rl, struct needed_load *load,
			  struct link_map *requester, const char *name)
{
	const char *file = NULL;
	char *found, *path;
	int fd;

	if (load->over || !requester->l_name || !folder_has(rl->loader, requester->l_name) ||
	    folder_has(rl->loader, name))
		return NULL;
	found = search(requester, name);
	path = found ? realpath(found, NULL) : NULL;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		file = choose(rl, load, path, found[0] == '/' ? found : path, fd);
		close(fd);
	}
	free(path);
	free(found);
	return file;
}

/* It did not come: it never was. */
static void discard(struct reloads *rl, struct generation *gen)
{
	char file[sizeof gen->info->snapshot];

	memcpy(file, gen->info->snapshot, sizeof file);
	pthread_mutex_lock(&rl->core->lock);
	if (gen->guest->current == gen)
		gen->guest->current = gen->replaced;
	pthread_mutex_unlock(&rl->core->lock);
	if (gen->object.map && ldso_lists(rl->loader, gen->object.map, file)) {
		retire_failed(rl, gen);
		return;
	}
	pthread_mutex_lock(&rl->core->lock);
	gen->guest->generations--;
	registry_set_state_locked(rl->guests, gen, GOAUDIT_GONE);
	pthread_mutex_unlock(&rl->core->lock);
	folder_remove(rl->loader, file);
}

static void keep(struct reloads *rl, struct generation *gen)
{
	struct generation *old = gen->replaced;

	/* The reference that retire_unmap gives back. */
	dlmopen(LM_ID_BASE, gen->info->snapshot, RTLD_LAZY | RTLD_NOLOAD);
	gen->owner = NULL;
	users_set_state(rl, gen, GOAUDIT_OPEN);
	pins_take_needed(rl, gen);
	retire_serve(rl, gen);
	if (old && old->info->state <= GOAUDIT_PARKED && old->users)
		users_set_state(rl, old, GOAUDIT_SUPERSEDED);
	else if (old && old->info->state == GOAUDIT_PARKED)
		retire_generation(rl, old);
}

void needed_end(struct reloads *rl, struct needed_load *load, bool good)
{
	struct generation *gen, *next;

	for (gen = load->fresh; gen; gen = next) {
		next = gen->next_needed;
		if (good && gen->object.map)
			keep(rl, gen);
		else
			discard(rl, gen);
	}
}

void needed_settle(struct reloads *rl, struct needed_load *load)
{
	struct generation *gen, *next;

	for (gen = load->aside; gen; gen = next) {
		next = gen->next_needed;
		if (users_wanted(rl, gen))
			retire_relist(rl, gen);
		else if (gen->info->state == GOAUDIT_OPEN)
			users_set_state(rl, gen, GOAUDIT_PARKED);
	}
}

/* The generation that a file is current of. */
static struct generation *find_current(struct reloads *rl, const char *path,
				       const struct stat *st)
{
	struct guest *guest;

	pthread_mutex_lock(&rl->core->lock);
	guest = registry_find_file_locked(rl->guests, st);
	if (!guest)
		guest = registry_find_path_locked(rl->guests, path);
	pthread_mutex_unlock(&rl->core->lock);
	return guest ? guest->current : NULL;
}

const char *needed_listed(struct reloads *rl, const char *path)
{
	struct generation *gen;
	struct stat st;
	char *real;

	if (!rl->guests->registry.guests || folder_has(rl->loader, path) ||
	    stat(path, &st) != 0)
		return NULL;
	real = realpath(path, NULL);
	gen = real ? find_current(rl, real, &st) : NULL;
	free(real);
	if (!gen || !gen->object.map || gen->owner || gen->unmapping)
		return NULL;
	if (gen->object.hidden && gen->users && gen->info->state == GOAUDIT_PARKED &&
	    is_current(rl, gen)) {
		/* From now on somebody has it whom we do not know. */
		gen->outside = true;
		relist_within(rl, gen);
	}
	return gen->object.hidden || gen->info->state != GOAUDIT_OPEN ? NULL :
									gen->info->snapshot;
}

/* --- looking ---------------------------------------------------------------------- */

/* All that a generation needs, what comes by others included, each once.  With our lock;
 * NULL: out of memory. */
static struct generation **collect_locked(const struct reloads *rl,
					  const struct generation *gen, unsigned *n)
{
	struct generation **all;
	unsigned room = 0;

	*n = 0;
	for (struct generation *g = rl->guests->registry.used; g; g = g->next_used)
		room++;
	all = malloc((room + 1) * sizeof *all);
	if (!all)
		return NULL;
	for (struct generation *g = rl->guests->registry.used; g; g = g->next_used)
		if (users_reach(gen, g))
			all[(*n)++] = g;
	return all;
}

bool needed_changed(struct reloads *rl, const struct generation *gen)
{
	struct generation **all;
	bool changed = false;
	unsigned n;

	pthread_mutex_lock(&rl->core->lock);
	all = gen->pins.needs ? collect_locked(rl, gen, &n) : NULL;
	for (unsigned i = 0; all && i < n; i++)
		all[i]->kept++;
	pthread_mutex_unlock(&rl->core->lock);
	if (!all)
		return false;
	for (unsigned i = 0; i < n && !changed; i++)
		changed =
			!all[i]->info->references &&
			(all[i]->info->state >= GOAUDIT_SUPERSEDED || !is_current(rl, all[i]));
	pthread_mutex_lock(&rl->core->lock);
	for (unsigned i = 0; i < n; i++)
		all[i]->kept--;
	pthread_mutex_unlock(&rl->core->lock);
	free(all);
	return changed;
}

char **needed_names(struct reloads *rl, const struct guest *guest, unsigned *n)
{
	const struct generation *gen;
	struct generation **all = NULL;
	unsigned needs = 0;
	char **names;

	pthread_mutex_lock(&rl->core->lock);
	gen = guest->serving;
	if (gen && gen->pins.needs)
		all = collect_locked(rl, gen, &needs);
	names = calloc(needs + 1, sizeof *names);
	*n = 0;
	if (names && (names[0] = strdup(guest->name)))
		++*n;
	for (unsigned i = 0; names && *n && i < needs; i++)
		if (!all[i]->info->references && (names[*n] = strdup(all[i]->guest->name)))
			++*n;
	pthread_mutex_unlock(&rl->core->lock);
	free(all);
	if (names && *n)
		return names;
	free(names);
	return NULL;
}
