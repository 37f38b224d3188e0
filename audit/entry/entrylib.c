#include "entry/entrylib.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../dlbind/embed.h"
#include "../dlbind/machine.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "dlbind.h"
#include "entry/code.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "guest/guests.h"

#define ENTRYLIB_CHUNKS 256  /* in a library */
#define NAME_MAX_BOUND  4096 /* longer names stay unbound */

_Static_assert(sizeof((struct entrylib_chunk *)0)->target == ENTRYLIB_CHUNK * sizeof(uint32_t),
	       "a target for each");

static size_t chunk_size(void)
{
	return ENTRYLIB_CHUNK * arch_entry_size();
}

/* --- libraries and their chunks --------------------------------------------------- */

/* Where entries of guests lead that are no more.  NULL: out of memory. */
static struct target_table *table_of_none(struct entries *es)
{
	struct target_table *t;

	pthread_mutex_lock(&es->core->lock);
	t = es->none;
	if (!t) {
		t = calloc(1, sizeof *t + sizeof *t->target);
		if (t) {
			t->slot = offsetof(struct entry_thread, calls) +
				  CALL_SLOT_NONE * sizeof(struct call_count);
			t->n = 1;
			t->target[0] = es->after_unload;
		}
		es->none = t;
	}
	pthread_mutex_unlock(&es->core->lock);
	return t;
}

/* A chunk that nobody has had yet.  NULL: no room, or errno says why not. */
static struct entrylib_chunk *make_chunk(struct entries *es, struct entrylib *f)
{
	unsigned char frames[64 + 32 * ENTRYLIB_CHUNK];
	size_t size = chunk_size(), at;
	struct entrylib_chunk *chunk = NULL;
	void *code, *token;

	code = dlalloc_aligned(f->library, size, 32, SHF_EXECINSTR);
	if (!code)
		return NULL;
	if (!f->code)
		f->code = (uintptr_t)code;
	at = (uintptr_t)code - f->code;
	if (at % size == 0 && at / size < f->n &&
	    dlframe(f->library, frames,
		    arch_write_entry_frames(frames, (uintptr_t)code, ENTRYLIB_CHUNK,
					    es->personality),
		    &token) == 0)
		chunk = &f->chunk[at / size];
	if (!chunk) {
		dlfree(f->library, code);
		return NULL;
	}
	chunk->entrylib = f;
	chunk->code = (uintptr_t)code;
	chunk->alias = dlwritable(f->library, code);
	memset(chunk->alias, MACHINE_FILL, size);
	return chunk;
}

static void discard_library(struct entrylib *f)
{
	if (f->library)
		dldelete(f->library);
	free(f);
}

/* A library with room for n chunks; nobody else knows it yet. */
static struct entrylib *make_library(struct entries *es, uint32_t n)
{
	size_t data = sizeof(struct entrylib_data) + n * sizeof(struct target_table *);
	struct dlbind_options options = {
		.size = sizeof options,
		.flags = DLBIND_WRITE_ALIAS | DLBIND_STUBS,
		.max_code = n * chunk_size(),
		.max_rodata = MACHINE_PAGE,
		.max_data = (data + MACHINE_PAGE - 1) & -MACHINE_PAGE,
		.max_symbols = n * ENTRYLIB_CHUNK,
	};
	struct target_table *none = table_of_none(es);
	struct entrylib *f = none ? calloc(1, sizeof *f + n * sizeof *f->chunk) : NULL;

	if (!f)
		return NULL;
	f->n = n;
	f->library = dlcreate_with_options("guests.entries", &options);
	if (f->library)
		f->data = dlalloc(f->library, data, SHF_WRITE);
	if (!f->data) {
		discard_library(f);
		return NULL;
	}
	f->data->enlist = es->enlist;
	f->data->copy = es->copy;
	f->data->none = none;
	return f;
}

/* Returns false if another thread has made one meanwhile. */
static bool publish(struct entries *es, struct entrylib *f, struct entrylib *newest)
{
	bool first;

	pthread_mutex_lock(&es->core->lock);
	first = es->libraries == newest;
	f->next = newest;
	if (first)
		__atomic_store_n(&es->libraries, f, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&es->core->lock);
	return first;
}

/* One that was another guest's; else NULL, and the newest library. */
static struct entrylib_chunk *take_free(struct entries *es, struct entrylib **newest)
{
	struct entrylib_chunk *chunk;

	pthread_mutex_lock(&es->core->lock);
	chunk = es->free;
	if (chunk)
		es->free = chunk->next;
	*newest = es->libraries;
	pthread_mutex_unlock(&es->core->lock);
	return chunk;
}

struct entrylib_chunk *entrylib_take(struct entries *es, const struct guest *guest)
{
	struct entrylib_chunk *chunk;
	struct entrylib *f, *newest;

	for (;;) {
		chunk = take_free(es, &newest);
		if (!chunk && newest && !newest->inherited)
			chunk = make_chunk(es, newest);
		if (chunk)
			return chunk;
		/* Its size is that of its file (RLIMIT_FSIZE). */
		f = NULL;
		for (uint32_t n = ENTRYLIB_CHUNKS; !f && n; n /= 16)
			f = make_library(es, n);
		chunk = f ? make_chunk(es, f) : NULL;
		if (!chunk) {
			error_set(es->core,
				  "%s: no library for the entries of its functions can be "
				  "made: %m: free memory or space, or raise the limit",
				  guest->path);
			if (f)
				discard_library(f);
			return NULL;
		}
		if (publish(es, f, newest))
			return chunk;
		discard_library(f);
	}
}

void entrylib_add_locked(struct guest *guest, struct entrylib_chunk *chunk)
{
	struct guest_entries *d = &guest->entries;
	struct entrylib *f = chunk->entrylib;
	struct entrylib_chunk *c = d->chunks;

	while (c && c->entrylib != f)
		c = c->next;
	chunk->guest = guest;
	chunk->table = c ? c->table : &f->data->table[chunk - f->chunk];
	__atomic_store_n(chunk->table, d->table, __ATOMIC_SEQ_CST);
	chunk->next = d->chunks;
	d->chunks = d->room = chunk;
}

void entrylib_give_locked(struct entries *es, struct entrylib_chunk *chunk)
{
	chunk->guest = NULL;
	chunk->next = NULL;
	*(es->free ? &es->last->next : &es->free) = chunk;
	es->last = chunk;
}

/* --- entries ---------------------------------------------------------------------- */

static void write_entry(struct entrylib_chunk *chunk, unsigned i,
			struct target_table *const *table, int32_t block, uint32_t target)
{
	size_t at = i * arch_entry_size();

	arch_write_entry(chunk->alias + at, chunk->code + at, chunk->entrylib->data, table,
			 block,
			 offsetof(struct target_table, target) + target * sizeof(void *));
}

void *entrylib_make_entry_locked(struct entrylib_chunk *chunk, int32_t block, uint32_t target)
{
	size_t at = chunk->used * arch_entry_size();

	write_entry(chunk, chunk->used, chunk->table, block, target);
	chunk->target[chunk->used] = target;
	__atomic_store_n(&chunk->used, chunk->used + 1, __ATOMIC_RELEASE);
	return (void *)(chunk->code + at);
}

/* Returns false if it is too long. */
static bool name_of(const struct guest *guest, const struct entry *entry,
		    enum entrylib_name kind, char bound[NAME_MAX_BOUND])
{
	const char *version = entry->version ? entry->version : "";
	int n = snprintf(bound, NAME_MAX_BOUND, "entry_of_%s%s%s", entry->name,
			 entry->version ? "@" : "", version);

	if (kind == ENTRYLIB_NUMBERED && n >= 0 && n < NAME_MAX_BOUND)
		n += snprintf(bound + n, NAME_MAX_BOUND - n, ".%u", guest->id);
	return n >= 0 && n < NAME_MAX_BOUND;
}

enum entrylib_name entrylib_show(struct entries *es, const struct guest *guest,
				 const struct entry *entry, bool named)
{
	void *library = entry->entrylib->library;
	char bound[NAME_MAX_BOUND];
	enum entrylib_name kind = named ? ENTRYLIB_PLAIN : ENTRYLIB_NAMELESS;

	for (; kind != ENTRYLIB_NAMELESS; kind++) {
		if (kind > ENTRYLIB_NUMBERED || !name_of(guest, entry, kind, bound)) {
			kind = ENTRYLIB_NAMELESS;
			break;
		}
		if (dlbind(library, bound, entry->entry, arch_entry_size(), STT_FUNC))
			return kind;
		if (errno != EEXIST) {
			log_line(es->core, "an entry has no name: %s", dlbind_error());
			kind = ENTRYLIB_NAMELESS;
			break;
		}
	}
	dlseal(library, entry->entry);
	return kind;
}

static void hide(const struct guest *guest, const struct entry *entry)
{
	char bound[NAME_MAX_BOUND];

	if (entry->bound != ENTRYLIB_NAMELESS && name_of(guest, entry, entry->bound, bound))
		dlunbind(entry->entrylib->library, bound);
}

void entrylib_clear(struct entries *es, const struct guest *guest)
{
	const struct guest_entries *d = &guest->entries;
	struct entrylib *f = d->chunks ? d->chunks->entrylib : NULL;

	if (!f)
		return;
	dlbind_begin(f->library);
	for (uint32_t i = 0; i < d->n; i++)
		if (!d->entry[i].entrylib->inherited)
			hide(guest, &d->entry[i]);
	dlbind_commit(f->library);
	for (struct entrylib_chunk *c = d->chunks; c; c = c->next) {
		unsigned n = c->used;

		if (c->entrylib->inherited)
			continue;
		__atomic_store_n(&c->used, 0, __ATOMIC_RELEASE);
		for (unsigned i = 0; i < n; i++)
			write_entry(c, i, &c->entrylib->data->none, es->block, 0);
		dlseal(c->entrylib->library, (void *)c->code);
	}
}

const struct entrylib_chunk *entrylib_at(const struct entries *es, uintptr_t address,
					 unsigned *index)
{
	const struct entrylib *f = __atomic_load_n(&es->libraries, __ATOMIC_ACQUIRE);
	const struct entrylib_chunk *chunk;
	size_t size;

	for (; f; f = f->next) {
		size = chunk_size();
		if (address - f->code >= f->n * size)
			continue;
		chunk = &f->chunk[(address - f->code) / size];
		*index = (address - f->code) % size / arch_entry_size();
		return *index < __atomic_load_n(&chunk->used, __ATOMIC_ACQUIRE) ? chunk : NULL;
	}
	return NULL;
}

void entrylib_forked(struct entries *es)
{
	for (struct entrylib *f = es->libraries; f; f = f->next)
		f->inherited = true;
	es->free = NULL;
}
