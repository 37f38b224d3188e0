#include "guest/registry.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "../dlbind/machine.h"
#include "core/core.h"
#include "core/log.h"
#include "core/path.h"
#include "core/text.h"
#include "dlbind.h"
#include "goaudit-debug.h"
#include "goaudit.h"
#include "guest/content.h"
#include "guest/guests.h"
#include "guest/places.h"
#include "guest/records.h"
#include "guest/retired.h"
#include "guest/snapshot.h"
#include "image/image.h"

static size_t page_up(size_t size)
{
	return (size + MACHINE_PAGE - 1) & -MACHINE_PAGE;
}

static void *map_pages(size_t size, int protection)
{
	void *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

void registry_init(struct guests *gs)
{
	gs->registry.guests_tail = &gs->registry.guests;
}

static struct generation *generation_at(const struct registry *r, uint32_t index)
{
	return &r->chunk[index / REGISTRY_CHUNK][index % REGISTRY_CHUNK];
}

struct guest *registry_find_path_locked(struct guests *gs, const char *path)
{
	uint64_t hash = index_hash_text(path);

	for (struct index_link *l = index_first(&gs->registry.by_path, hash); l;
	     l = index_next(l)) {
		struct guest *g = INDEX_RECORD(l, struct guest, by_path);

		if (strcmp(g->path, path) == 0)
			return g;
	}
	return NULL;
}

/* The number of a file that has been replaced may be another one's by now. */
static bool is_file_of(const struct guest *g, const struct stat *st)
{
	const struct file_stamp *s = &g->current->stamp;
	struct stat now;

	if (s->dev != st->st_dev || s->ino != st->st_ino)
		return false;
	if (s->size == st->st_size && s->mtime.tv_sec == st->st_mtim.tv_sec &&
	    s->mtime.tv_nsec == st->st_mtim.tv_nsec)
		return true;
	return stat(g->path, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

static uint64_t hash_of_file(dev_t dev, ino_t ino)
{
	return index_hash_number(ino + index_hash_number(dev));
}

struct guest *registry_find_file_locked(struct guests *gs, const struct stat *st)
{
	uint64_t hash = hash_of_file(st->st_dev, st->st_ino);

	for (struct index_link *l = index_first(&gs->registry.by_file, hash); l;
	     l = index_next(l)) {
		struct generation *gen = INDEX_RECORD(l, struct generation, by_file);
		struct guest *g = gen->guest;

		if (g->current == gen && !g->instance && gen->info->state != GOAUDIT_PARKED &&
		    is_file_of(g, st))
			return g;
	}
	return NULL;
}

struct guest *registry_find_name_locked(struct guests *gs, const char *name)
{
	uint64_t hash = index_hash_text(name);

	for (struct index_link *l = index_first(&gs->registry.by_name, hash); l;
	     l = index_next(l)) {
		struct guest *g = INDEX_RECORD(l, struct guest, by_name);

		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

/* A text that lives as long as the guest; NULL: out of memory. */
static const char *lasting_text(struct guest *g, const char *text)
{
	struct guest_text *t;

	for (t = g->texts; t; t = t->next)
		if (strcmp(t->text, text) == 0)
			return t->text;
	t = malloc(sizeof *t + strlen(text) + 1);
	if (!t)
		return NULL;
	strcpy(t->text, text);
	t->next = g->texts;
	g->texts = t;
	return t->text;
}

bool registry_turn_locked(struct guests *gs, struct guest *g, const char *path,
			  const char *name)
{
	path = lasting_text(g, path);
	name = lasting_text(g, name);
	if (!path || !name)
		return false;
	g->path = path;
	g->name = name;
	if (g->instances)
		return true;
	index_put(&gs->registry.by_path, &g->by_path, index_hash_text(path));
	index_put(&gs->registry.by_name, &g->by_name, index_hash_text(name));
	return true;
}

char *registry_name(struct guests *gs, const struct guest *guest)
{
	char *name;

	pthread_mutex_lock(&gs->core->lock);
	name = strdup(guest->name);
	pthread_mutex_unlock(&gs->core->lock);
	return name;
}

void registry_enlist_locked(struct guests *gs, struct guest *g)
{
	g->id = goaudit_debug.guests++;
	g->before = gs->registry.guests_tail;
	*gs->registry.guests_tail = g;
	gs->registry.guests_tail = &g->next;
}

struct guest *registry_guest_locked(struct guests *gs, const char *path, const char *name)
{
	struct guest *g = registry_find_path_locked(gs, path);

	if (g)
		return g;
	g = places_take(&gs->registry.places);
	if (!g)
		return NULL;
	if (!registry_turn_locked(gs, g, path, name)) {
		registry_give_locked(gs, g);
		return NULL;
	}
	registry_enlist_locked(gs, g);
	return g;
}

/* --- guests that everybody has closed ------------------------------------------- */

static bool is_closed(const struct guest *g)
{
	const struct generation *cur = g->current;

	return !g->kept && (!g->live || (cur && g->live - g->kept_old == 1 && !cur->users &&
					 cur->info->state == GOAUDIT_PARKED));
}

static void link_closed_locked(struct registry *r, struct guest *g)
{
	struct guest *before = g->leaving || g->instance ? NULL : r->closed_last;
	struct guest *next = before ? NULL : r->closed;

	g->closed_before = before;
	g->closed_next = next;
	*(before ? &before->closed_next : &r->closed) = g;
	*(next ? &next->closed_before : &r->closed_last) = g;
}

static void unlink_closed_locked(struct registry *r, struct guest *g)
{
	*(g->closed_before ? &g->closed_before->closed_next : &r->closed) = g->closed_next;
	*(g->closed_next ? &g->closed_next->closed_before : &r->closed_last) = g->closed_before;
}

/* Puts it into the list of those or takes it out, after what may have changed that. */
static void update_closed_locked(struct guests *gs, struct guest *g)
{
	struct registry *r = &gs->registry;
	bool closed = is_closed(g);

	if (g->closed == closed)
		return;
	g->closed = closed;
	closed ? link_closed_locked(r, g) : unlink_closed_locked(r, g);
	if (g->instance)
		__atomic_store_n(&r->dead, closed ? r->dead + 1 : r->dead - 1,
				 __ATOMIC_RELAXED);
	__atomic_store_n(&r->closes, closed ? r->closes + 1 : r->closes - 1, __ATOMIC_RELAXED);
}

void registry_keep_locked(struct guests *gs, struct guest *guest)
{
	guest->kept++;
	guest->leaving = false;
	update_closed_locked(gs, guest);
}

static void keep_old_locked(struct guests *gs, struct generation *gen, bool kept)
{
	if (gen->kept_old == kept)
		return;
	gen->kept_old = kept;
	kept ? gen->guest->kept_old++ : gen->guest->kept_old--;
	update_closed_locked(gs, gen->guest);
}

void registry_keep_old(struct guests *gs, struct generation *gen, bool kept)
{
	pthread_mutex_lock(&gs->core->lock);
	keep_old_locked(gs, gen, kept);
	pthread_mutex_unlock(&gs->core->lock);
}

void registry_release(struct guests *gs, struct guest *guest)
{
	pthread_mutex_lock(&gs->core->lock);
	guest->kept--;
	update_closed_locked(gs, guest);
	pthread_mutex_unlock(&gs->core->lock);
}

bool registry_has_surplus(const struct guests *gs)
{
	const struct registry *r = &gs->registry;

	return __atomic_load_n(&r->dead, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&r->closes, __ATOMIC_RELAXED) > gs->core->settings.parked;
}

struct guest *registry_surplus_locked(struct guests *gs)
{
	struct guest *guest = registry_has_surplus(gs) ? gs->registry.closed : NULL;

	if (guest)
		guest->leaving = true;
	return guest;
}

void registry_forget_locked(struct guests *gs, struct guest *guest)
{
	struct registry *r = &gs->registry;

	registry_keep_locked(gs, guest);
	index_remove(&r->by_path, &guest->by_path);
	index_remove(&r->by_name, &guest->by_name);
	*guest->before = guest->next;
	*(guest->next ? &guest->next->before : &r->guests_tail) = guest->before;
	for (struct generation *gen = guest->all; gen; gen = gen->next)
		gen->guest = NULL;
	guest->all = NULL;
}

void registry_give_locked(struct guests *gs, struct guest *guest)
{
	struct guest_text *t, *next;

	for (t = guest->texts; t; t = next) {
		next = t->next;
		free(t);
	}
	places_give(&gs->registry.places, guest);
}

/* --- finding ---------------------------------------------------------------------- */

struct generation *registry_find_handle_locked(struct guests *gs, const void *handle)
{
	struct guest *guest = registry_find_lasting_locked(gs, handle);

	if (guest) {
		struct generation *gen = guest->serving;

		/* Its own constructor or package init has opened it. */
		if (!gen || (!gen->info->references && guest->current &&
			     guest->current->info->references))
			gen = guest->current;
		return gen;
	}
	return registry_find_map_locked(gs, handle);
}

struct generation *registry_find_map_locked(struct guests *gs, const void *map)
{
	uint64_t hash = index_hash_number((uintptr_t)map);

	for (struct index_link *l = index_first(&gs->registry.by_map, hash); l;
	     l = index_next(l)) {
		struct generation *gen = INDEX_RECORD(l, struct generation, by_map);

		if (gen->object.map == map)
			return gen;
	}
	return NULL;
}

struct guest *registry_find_lasting_locked(struct guests *gs, const void *handle)
{
	return places_guest(&gs->registry.places, handle);
}

bool registry_was_lasting(const struct guests *gs, const void *handle)
{
	return places_has(&gs->registry.places, handle);
}

void *registry_handle(const struct generation *gen)
{
	return gen->guest->raw ? (void *)gen->object.map : (void *)&gen->guest->handle;
}

struct generation *registry_find_address_locked(struct guests *gs, uintptr_t address)
{
	const struct registry *r = &gs->registry;
	struct address_place place;
	struct generation *gen;

	if (addresses_find(&r->addresses, address, &place) && place.gen->object.map)
		return place.gen;
	for (gen = r->addresses_lost ? r->live : NULL; gen; gen = gen->next_live)
		if (generation_has(gen, address))
			return gen;
	return NULL;
}

struct generation *registry_find_snapshot_locked(struct guests *gs, const char *file)
{
	uint64_t hash = index_hash_text(file);

	for (struct index_link *l = index_first(&gs->registry.by_snapshot, hash); l;
	     l = index_next(l)) {
		struct generation *gen = INDEX_RECORD(l, struct generation, by_snapshot);

		if (strcmp(gen->info->snapshot, file) == 0)
			return gen;
	}
	return NULL;
}

struct guest *registry_guest_of_handle_locked(struct guests *gs, const void *handle)
{
	struct generation *gen = registry_find_handle_locked(gs, handle);
	struct guest *newest = NULL;
	struct guest *lasting = registry_find_lasting_locked(gs, handle);
	uint64_t at = 0;

	if (gen || lasting)
		return gen ? gen->guest : lasting;
	/* An address may have been used by several; the last one counts. */
	for (uint32_t i = 0; i < goaudit_debug.records; i++) {
		const struct goaudit_generation *info = records_at(i);

		if (info->handle == (uintptr_t)handle && info->opened_at >= at) {
			at = info->opened_at;
			newest = generation_at(&gs->registry, i)->guest;
		}
	}
	return newest;
}

static int by_opening(const void *a, const void *b)
{
	const struct goaudit_generation *x = *(void *const *)a, *y = *(void *const *)b;

	return (x->opened_at > y->opened_at) - (x->opened_at < y->opened_at);
}

size_t registry_copy_locked(struct guests *gs, void *records, size_t count, size_t stride,
			    size_t size)
{
	uint32_t n = goaudit_debug.records, used = 0;
	struct goaudit_generation **order = malloc((n + 1) * sizeof *order);

	(void)gs;
	if (!order)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (records_at(i)->state != GOAUDIT_FREE)
			order[used++] = records_at(i);
	qsort(order, used, sizeof *order, by_opening);
	for (uint32_t i = 0; i < used && i < count; i++)
		memcpy((char *)records + i * stride, order[i], size);
	free(order);
	return used;
}

/* Makes room for so many records, in a larger area if need be.  The old area stays: who
 * reads a record without our lock may be looking at it. */
static bool reserve_records_locked(struct registry *r, uint32_t n)
{
	const size_t size = sizeof(struct goaudit_generation);
	uint32_t room = r->reserved ? r->reserved : REGISTRY_FIRST;
	void *area = r->reserved ? records_at(0) : NULL;

	while (room < n)
		room *= 8;
	if (room > REGISTRY_RECORDS)
		room = REGISTRY_RECORDS;
	/* Not accessible before it is used, so that mlockall does not fill it. */
	if (room != r->reserved)
		area = map_pages(page_up(room * size), PROT_NONE);
	if (!area || mprotect(area, page_up(n * size), PROT_READ | PROT_WRITE) != 0) {
		if (area && room != r->reserved)
			munmap(area, page_up(room * size));
		return false;
	}
	if (room == r->reserved)
		return true;
	if (r->reserved)
		memcpy(area, records_at(0), r->usable * size);
	records_begin_locked();
	records_init(area);
	for (uint32_t i = 0; i < r->usable; i++)
		generation_at(r, i)->info = records_at(i);
	records_end_locked();
	r->reserved = room;
	return true;
}

static bool grow_locked(struct registry *r)
{
	struct generation **chunk = &r->chunk[r->usable / REGISTRY_CHUNK];
	uint32_t more = r->usable + REGISTRY_CHUNK;

	if (more > REGISTRY_RECORDS || !reserve_records_locked(r, more))
		return false;
	*chunk = map_pages(page_up(REGISTRY_CHUNK * sizeof **chunk), PROT_READ | PROT_WRITE);
	if (!*chunk)
		return false;
	r->usable = more;
	return true;
}

/* A record to use: a fresh one, or one whose generation has long been gone. */
static struct generation *take_record_locked(struct registry *r)
{
	uint32_t i, n = goaudit_debug.records;
	struct generation *gen;

	if (r->gone > REGISTRY_HISTORY || n == REGISTRY_RECORDS) {
		for (i = 0; i < n; i++) {
			gen = generation_at(r, (r->oldest + i) % n);
			if (gen->info->state == GOAUDIT_GONE) {
				r->oldest = (r->oldest + i + 1) % n;
				r->gone--;
				return gen;
			}
		}
	}
	if (n == r->usable && !grow_locked(r))
		return NULL;
	gen = generation_at(r, n);
	gen->index = n;
	return gen;
}

static void forget_locked(struct generation *gen)
{
	struct generation **p = &gen->guest->all;

	while (*p && *p != gen)
		p = &(*p)->next;
	if (*p)
		*p = gen->next;
}

struct generation *registry_generation_locked(struct guests *gs, struct guest *guest)
{
	struct registry *r = &gs->registry;
	struct generation *gen = take_record_locked(r);
	struct goaudit_generation *info;
	struct timespec now;
	uint32_t index;

	if (!gen)
		return NULL;
	if (gen->guest)
		forget_locked(gen);
	index = gen->index;
	info = records_at(index);
	records_begin_locked();
	memset(gen, 0, sizeof *gen);
	gen->index = index;
	memset(info, 0, sizeof *info);
	gen->info = info;
	gen->guest = guest;
	gen->next = guest->all;
	guest->all = gen;
	guest->live++;
	update_closed_locked(gs, guest);
	gen->next_live = r->live;
	gen->before_live = &r->live;
	if (r->live)
		r->live->before_live = &gen->next_live;
	__atomic_store_n(&r->live, gen, __ATOMIC_RELAXED);
	info->guest = guest->id;
	info->instance = guest->instance;
	info->context = (uintptr_t)guest->context;
	info->number = ++guest->generations;
	info->state = GOAUDIT_LOADING;
	clock_gettime(CLOCK_REALTIME, &now);
	info->opened_at = now.tv_sec * 1000000000ull + now.tv_nsec;
	text_copy(info->path, sizeof info->path, guest->path);
	if (index == goaudit_debug.records)
		goaudit_debug.records++;
	records_end_locked();
	return gen;
}

/* Instances are not looked for by their file (registry_find_file_locked). */
void registry_restamp_locked(struct guests *gs, struct generation *gen,
			     const struct file_stamp *stamp)
{
	struct instances *all = gen->guest->instances;

	if (gen->info->state == GOAUDIT_GONE)
		return; /* between a look at its file and this */
	gen->stamp = *stamp;
	if (!all) {
		index_put(&gs->registry.by_file, &gen->by_file,
			  hash_of_file(stamp->dev, stamp->ino));
		return;
	}
	all->stamp = *stamp;
	memcpy(all->hash, gen->hash, sizeof all->hash);
	all->stamped = true;
}

void registry_mapped_locked(struct guests *gs, struct generation *gen, struct link_map *map,
			    uintptr_t lo, uintptr_t hi)
{
	struct registry *r = &gs->registry;
	struct address_place place = { .hi = hi, .gen = gen, .context = gen->guest->context };

	gen->object.map = map;
	place.handle = registry_handle(gen);
	records_begin_locked();
	gen->info->handle = (uintptr_t)place.handle;
	gen->info->lo = lo;
	gen->info->hi = hi;
	records_end_locked();
	index_put(&r->by_map, &gen->by_map, index_hash_number((uintptr_t)map));
	r->addresses_lost |= !addresses_add_locked(&r->addresses, lo, &place);
}

void registry_describe_locked(struct guests *gs, struct generation *gen,
			      const struct snapshot *s, const char *path)
{
	const char *file = lasting_text(gen->guest, path);

	memcpy(gen->hash, s->hash, sizeof gen->hash);
	registry_restamp_locked(gs, gen, &s->stamp);
	gen->described = s->facts.has_debug_info;
	gen->has_classes = s->facts.has_classes;
	gen->file = file ? file : gen->guest->path;
	gen->origin = path_folder(gen->file);
	gen->origin += gen->origin == 0;
	records_begin_locked();
	gen->info->is_go = s->facts.kind == IMAGE_GO_GUEST;
	gen->info->snapshot_ns = s->ns;
	text_copy(gen->info->path, sizeof gen->info->path, path);
	memcpy(gen->info->snapshot, s->file, sizeof gen->info->snapshot);
	snprintf(gen->info->build_id, sizeof gen->info->build_id, "%s", s->facts.build_id);
	records_end_locked();
	index_put(&gs->registry.by_snapshot, &gen->by_snapshot, index_hash_text(s->file));
	if (gen->guest->instances)
		content_join_locked(gs, gen, &s->facts);
}

/* Nothing leads to it any more. */
static void leave_live_locked(struct guests *gs, struct generation *gen)
{
	struct registry *r = &gs->registry;

	*gen->before_live = gen->next_live;
	if (gen->next_live)
		gen->next_live->before_live = gen->before_live;
	index_remove(&r->by_map, &gen->by_map);
	index_remove(&r->by_snapshot, &gen->by_snapshot);
	index_remove(&r->by_file, &gen->by_file);
	content_leave_locked(gs, gen);
	addresses_remove_locked(&r->addresses, gen->info->lo, gen);
}

static void held_by_nobody_locked(struct goaudit_generation *info)
{
	info->holder = 0;
	info->goroutine = 0;
	info->holder_text[0] = info->holders[0] = 0;
}

void registry_set_state_locked(struct guests *gs, struct generation *gen,
			       enum goaudit_state state)
{
	records_begin_locked();
	gen->info->state = state;
	if (state == GOAUDIT_GONE) {
		gen->object.map = NULL;
		for (unsigned i = 0; i < GENERATION_EXPANDED; i++)
			free(gen->expanded[i]);
		memset(gen->expanded, 0, sizeof gen->expanded);
		leave_live_locked(gs, gen);
		keep_old_locked(gs, gen, false);
		gen->guest->live--;
		if (gen->guest->serving == gen)
			gen->guest->serving = NULL;
		gs->registry.gone++;
		held_by_nobody_locked(gen->info);
	}
	records_end_locked();
	update_closed_locked(gs, gen->guest);
	pthread_cond_broadcast(&gs->core->changed);
	if (gen->guest->instance)
		log_line(gs->core, "%s#%u: generation %u: %s", gen->guest->path,
			 gen->guest->instance, gen->info->number, records_state_name(state));
	else
		log_line(gs->core, "%s: generation %u: %s", gen->guest->path, gen->info->number,
			 records_state_name(state));
}

void registry_add_user_locked(struct guests *gs, struct generation *gen)
{
	struct registry *r = &gs->registry;

	if (gen->users++)
		return;
	gen->next_used = r->used;
	gen->before_used = &r->used;
	if (r->used)
		r->used->before_used = &gen->next_used;
	r->used = gen;
}

void registry_remove_user_locked(struct generation *gen)
{
	if (--gen->users)
		return;
	*gen->before_used = gen->next_used;
	if (gen->next_used)
		gen->next_used->before_used = gen->before_used;
}

void registry_origin(const struct generation *gen, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int)gen->origin, gen->file);
}

void registry_let_go(struct guests *gs, struct generation *gen)
{
	pthread_mutex_lock(&gs->core->lock);
	gen->kept--;
	if (gen->info->state == GOAUDIT_RETIRED)
		retired_ask_locked(gs); /* a round may have passed it over */
	pthread_mutex_unlock(&gs->core->lock);
}
