#include "entry/entry.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cancel.h"
#include "core/core.h"
#include "core/error.h"
#include "core/log.h"
#include "dlbind.h"
#include "entry/calls.h"
#include "entry/code.h"
#include "entry/entries.h"
#include "entry/entrylib.h"
#include "entry/target.h"
#include "entry/wide.h"
#include "goaudit.h"
#include "guest/guests.h"
#include "loader/elf.h"
#include "loader/transaction.h"

/* entry_x86_64.S */
_Static_assert(offsetof(struct target_table, slot) == 0, "an entry reads it there");
_Static_assert(offsetof(struct call_count, begun) == 0, "an entry counts there");
_Static_assert(offsetof(struct call_count, ended) == 4, "an entry counts there");

/* --- what entries need ---------------------------------------------------- */

/* What entries call has no argument of ours. */
static struct entries *entries;

/* Brings the library into the host's namespace.  Two threads may do it at once,
 * and find the same. */
static struct link_map *load_library(struct entries *es)
{
	char name[sizeof es->core->home + 32];

	snprintf(name, sizeof name, "%s/libgoaudit-entries.so", es->core->home);
	return call_dlopen(es->loader, false, name, RTLD_NOW | RTLD_NODELETE);
}

bool entry_symbol(struct entries *es, const char *name, void **symbol)
{
	struct link_map *map = load_library(es);

	*symbol = map ? elf_lookup(map, name) : NULL;
	return *symbol != NULL;
}

#define LOCK_TRIES 1000

/* Called by an entry that leads nowhere, just before the process is stopped; from a
 * signal handler, too, which may have interrupted who has the lock. */
static void called_in_vain(uintptr_t entry, int lacking)
{
	const char *what =
		lacking ? "which its current build lacks" : "but it has been unloaded";
	const char *path = "a guest", *name = "a function";
	const struct entrylib_chunk *chunk;
	struct entries *es = entries;
	bool locked = false;
	unsigned i;
	CANCEL_OFF();

	for (int n = 0; !locked && n < LOCK_TRIES; n++) {
		locked = pthread_mutex_trylock(&es->core->lock) == 0;
		if (!locked)
			sched_yield();
	}
	chunk = locked ? entrylib_at(es, entry, &i) : NULL;
	if (chunk && chunk->guest) {
		path = chunk->guest->path;
		name = chunk->guest->entries.entry[chunk->target[i]].name;
	}
	log_line(es->core, "%s: %s has been called, %s", path, name, what);
	if (locked)
		pthread_mutex_unlock(&es->core->lock);
}

/* Called by an entry's personality routine: an exception ends the call.  The unwinder that
 * does it, a libgcc_s or libunwind of the host's, knows where.  (One that is linked into
 * something has no names: such a call stays counted.) */
static void unwound(const void *unwinder, void *context)
{
	struct entries *es = entries;
	const struct link_map *map = elf_object_at(unwinder);
	uintptr_t (*get_ip)(void *) = NULL, (*get_sp)(void *) = NULL, at;
	const struct entrylib_chunk *chunk;
	struct call_count *calls;
	unsigned i;
	CANCEL_OFF();

	if (map) {
		get_ip = (uintptr_t(*)(void *))elf_lookup(map, "_Unwind_GetIP");
		get_sp = (uintptr_t(*)(void *))elf_lookup(map, "_Unwind_GetCFA");
	}
	if (!get_ip || !get_sp)
		return;
	at = get_ip(context);
	chunk = entrylib_at(es, at, &i);
	calls = chunk ? arch_entry_calls(at - chunk->code - i * arch_entry_size(),
					 get_sp(context)) :
			NULL;
	if (calls)
		__atomic_add_fetch(&calls->ended, 1, __ATOMIC_RELEASE);
}

/* Can this machine count calls? */
static bool can_count(struct entries *es)
{

	if (__atomic_load_n(&es->prepare, __ATOMIC_ACQUIRE))
		return true;
	if (__atomic_load_n(&es->failed, __ATOMIC_RELAXED))
		return false;
	es->saved = arch_saved_registers();
	if (es->saved &&
	    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
		return true;
	__atomic_store_n(&es->failed, true, __ATOMIC_RELAXED);
	log_line(es->core, "calls into guests are not counted: no membarrier(2) or no XSAVE "
			   "here");
	return false;
}

/* Returns false with dlerror set.  Not under our lock: ld.so is called. */
static bool load_entries(struct entries *es, const struct guest *guest)
{
	struct link_map *map;

	if (__atomic_load_n(&es->prepare, __ATOMIC_ACQUIRE))
		return true;
	map = load_library(es);
	if (!map) {
		error_set(es->core,
			  "%s: the library for the entries of its functions cannot be "
			  "loaded: %s: free memory or descriptors, or install it",
			  guest->path, dlerror());
		return false;
	}
	entries = es;
	es->after_unload = elf_lookup(map, "goaudit_called_after_unload");
	es->lacking = elf_lookup(map, "goaudit_called_lacking_function");
	*(void **)elf_lookup(map, "goaudit_entry_in_vain") = called_in_vain;
	es->enlist = elf_lookup(map, "goaudit_entry_enlist");
	es->copy = elf_lookup(map, "goaudit_entry_copy");
	es->block = ((int (*)(void))elf_lookup(map, "goaudit_entry_block"))();
	*(void **)elf_lookup(map, "goaudit_entry_unwound") = unwound;
	es->personality = elf_lookup(map, "goaudit_entry_personality");
	wide_init(es, map);
	*(size_t *)elf_lookup(map, "goaudit_entry_saved") = es->saved;
	*(void **)elf_lookup(map, "goaudit_entry_enlister") = calls_enlist;
	__atomic_store_n(&es->prepare, (void (*)(void))elf_lookup(map, "goaudit_entry_prepare"),
			 __ATOMIC_RELEASE);
	return true;
}

/* Constants may lie in the segment of the code (ld -z noseparate-code, gold). */
static bool is_function(const struct generation *gen, const char *name, const void *address)
{
	const ElfW(Phdr) *segment = elf_segment_at(gen->object.map, PT_LOAD, address);
	const ElfW(Sym) * sym;

	if (!segment || !(segment->p_flags & PF_X))
		return false;
	sym = elf_symbol(gen->object.map, name);
	return !sym || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT;
}

/* --- entries -------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static struct entry *find_entry(const struct guest_entries *d, const char *name,
				const char *version)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (strcmp(d->entry[i].name, name) == 0 && same(d->entry[i].version, version))
			return &d->entry[i];
	return NULL;
}

static bool add_entry(struct guest_entries *d, const char *name, const char *version)
{
	struct entry *entry = d->entry;

	if (d->n == d->capacity) {
		entry = realloc(entry, (2 * d->capacity + 8) * sizeof *entry);
		if (!entry)
			return false;
		d->entry = entry;
		d->capacity = 2 * d->capacity + 8;
	}
	entry += d->n;
	entry->name = strdup(name);
	entry->version = version ? strdup(version) : NULL;
	if (entry->name && (!version || entry->version))
		return true;
	free(entry->name);
	free(entry->version);
	return false;
}

/* Has the guest's table, which is gen's, have room for an entry more: entries read no
 * target but their own, so it grows in place up to its capacity. */
static bool reserve_locked(struct entries *es, struct generation *gen)
{
	struct guest_entries *d = &gen->guest->entries;
	struct target_table *t = d->table;
	int64_t words;
	void *function;

	if (t && d->of == gen && d->n < 1u << t->size)
		return true;
	t = target_take_locked(es, gen, d->n + 1);
	if (!t)
		return false;
	for (uint32_t i = 0; i < d->n; i++) {
		function = wide_aimed(&es->wide, d->table, i, &words);
		if (!wide_aim(&es->wide, t, i, function, words)) {
			target_give_locked(es, t);
			return false;
		}
	}
	target_publish_locked(es, d, t, gen);
	return true;
}

/* An entry more, to address in gen, with `words` of it (wide.h); there is room for it in
 * d->room.  NULL: out of memory.  With core.lock. */
static struct entry *make_entry_locked(struct entries *es, struct generation *gen,
				       const char *name, const char *version, void *address,
				       int64_t words)
{
	struct guest_entries *d = &gen->guest->entries;
	struct entry *entry;

	if (!reserve_locked(es, gen) || !wide_aim(&es->wide, d->table, d->n, address, words) ||
	    !add_entry(d, name, version))
		return NULL;
	d->table->n = d->n + 1;
	entry = &d->entry[d->n];
	entry->entrylib = d->room->entrylib;
	entry->shown = false;
	entry->bound = ENTRYLIB_NAMELESS;
	entry->entry = entrylib_make_entry_locked(d->room, es->block, d->n++);
	if (d->room->used == ENTRYLIB_CHUNK)
		d->room = NULL;
	return entry;
}

/* Room for entries, of ours or, in the meantime, of somebody else.  Without locks. */
static bool make_chunk_room(struct entries *es, struct guest *guest)
{
	struct entrylib_chunk *chunk = entrylib_take(es, guest);

	if (!chunk)
		return false;
	pthread_mutex_lock(&es->core->lock);
	if (guest->entries.room)
		entrylib_give_locked(es, chunk);
	else
		entrylib_add_locked(guest, chunk);
	pthread_mutex_unlock(&es->core->lock);
	return true;
}

/* The entry's address, once it is executable.  Without locks. */
static void *show(struct entries *es, struct guest *guest, uint32_t n,
		  const struct entry *entry, bool made)
{
	enum entrylib_name bound;

	if (entry->shown)
		return entry->entry;
	bound = entrylib_show(es, guest, entry, made);
	pthread_mutex_lock(&es->core->lock);
	guest->entries.entry[n].shown = true;
	if (made)
		guest->entries.entry[n].bound = bound;
	pthread_mutex_unlock(&es->core->lock);
	return entry->entry;
}

bool entry_for(struct entries *es, struct generation *gen, const char *name,
	       const char *version, void **address)
{
	struct guest *guest = gen->guest;
	struct guest_entries *d = &guest->entries;
	struct entry *found, entry;
	int64_t words = WIDE_NOT;
	uint32_t n = 0;
	bool made, exiting, read = false;

	if (!is_function(gen, name, *address) || !can_count(es))
		return true;
	if (!load_entries(es, guest)) {
		*address = NULL;
		return true;
	}
	es->prepare();
	for (;;) {
		pthread_mutex_lock(&es->core->lock);
		if (guest->serving != gen) {
			pthread_mutex_unlock(&es->core->lock);
			/* In its own package init it is not called by others yet. */
			return gen->owner;
		}
		found = find_entry(d, name, version);
		if (!found && !read) {
			pthread_mutex_unlock(&es->core->lock);
			words = wide_words(gen->object.map, *address);
			read = true;
			continue;
		}
		made = !found && d->room;
		if (made)
			found = make_entry_locked(es, gen, name, version, *address, words);
		if (found) {
			entry = *found;
			n = found - d->entry;
		}
		exiting = es->core->exiting;
		pthread_mutex_unlock(&es->core->lock);
		if (found) {
			*address = show(es, guest, n, &entry, made);
			return true;
		}
		/* Nothing is unmapped any more, and there is no place for a library. */
		if (!made && exiting)
			return true;
		if (!made && make_chunk_room(es, guest))
			continue;
		*address = NULL;
		if (made)
			error_set(es->core, "%s: %s: out of memory: close some guests",
				  guest->path, name);
		return true;
	}
}

/* The function in gen that an entry is to lead to. */
static void *look_up(const struct generation *gen, const struct entry *entry)
{
	void *p = entry->version ? dlvsym(gen->object.map, entry->name, entry->version) :
				   dlsym(gen->object.map, entry->name);

	return p && is_function(gen, entry->name, p) ? p : NULL;
}

/* The nth entry; names live as long as the guest.  Without our lock. */
static bool entry_at(struct entries *es, const struct guest_entries *d, uint32_t i,
		     struct entry *entry)
{
	bool there;

	pthread_mutex_lock(&es->core->lock);
	there = i < d->n;
	if (there)
		*entry = d->entry[i];
	pthread_mutex_unlock(&es->core->lock);
	return there;
}

const char **entry_names(struct entries *es, const struct guest *guest, size_t *n)
{
	const struct guest_entries *d = &guest->entries;
	const char **names;

	pthread_mutex_lock(&es->core->lock);
	names = malloc((d->n + 1) * sizeof *names);
	*n = names ? d->n : 0;
	for (size_t i = 0; i < *n; i++)
		names[i] = d->entry[i].name;
	pthread_mutex_unlock(&es->core->lock);
	return names;
}

bool entry_prepare(struct entries *es, struct generation *gen, struct target_table **table,
		   const char **lacks)
{
	struct guest_entries *d = &gen->guest->entries;
	struct target_table *t = NULL;
	struct entry entry;
	uint32_t n;
	void *p;

	*lacks = NULL;
	pthread_mutex_lock(&es->core->lock);
	n = d->n;
	if (n)
		t = target_take_locked(es, gen, n);
	pthread_mutex_unlock(&es->core->lock);
	*table = t;
	if (!n || !t)
		return !n;
	for (uint32_t i = 0; i < n && entry_at(es, d, i, &entry); i++) {
		p = look_up(gen, &entry);
		if (!wide_aim(&es->wide, t, i, p ? p : es->lacking,
			      p ? wide_words(gen->object.map, p) : WIDE_NOT)) {
			entry_discard(es, t);
			*table = NULL;
			return false;
		}
		if (!p && !*lacks)
			*lacks = entry.name;
	}
	return true;
}

void entry_discard(struct entries *es, struct target_table *table)
{
	pthread_mutex_lock(&es->core->lock);
	target_give_locked(es, table);
	pthread_mutex_unlock(&es->core->lock);
}

bool entry_fits_locked(const struct generation *gen, const struct target_table *table)
{
	return (table ? table->n : 0) == gen->guest->entries.n;
}

bool entry_is_complete(struct entries *es, const struct generation *gen,
		       const struct target_table *table)
{
	bool complete;

	pthread_mutex_lock(&es->core->lock);
	complete = entry_fits_locked(gen, table);
	pthread_mutex_unlock(&es->core->lock);
	return complete;
}

bool entry_switch_locked(struct entries *es, struct generation *gen, struct target_table *table)
{
	struct guest_entries *d = &gen->guest->entries;

	if (!entry_fits_locked(gen, table))
		return false;
	if (table)
		target_publish_locked(es, d, table, gen);
	gen->guest->serving = gen;
	return true;
}

void entry_forget_locked(struct entries *es, struct generation *gen)
{
	struct guest_entries *d = &gen->guest->entries;
	struct target_table *t, *next;

	/* A call after dlclose traps in goaudit_called_after_unload, not in
	 * whatever comes to lie at the old address. */
	if (d->table && d->of == gen) {
		for (uint32_t i = 0; i < d->n; i++)
			d->table->target[i] = es->after_unload;
		d->of = NULL;
	}
	for (t = gen->tables; t; t = next) {
		next = t->next;
		if (t != d->table)
			target_give_locked(es, t);
	}
	gen->tables = NULL;
	if (gen->entered) {
		es->slot[gen->slot].of = NULL;
		if (gen->slot < es->taken)
			es->taken = gen->slot;
	}
}

void entry_release(struct entries *es, struct guest *guest)
{
	struct guest_entries *d = &guest->entries;
	struct entrylib_chunk *c, *next;

	entrylib_clear(es, guest);
	pthread_mutex_lock(&es->core->lock);
	for (c = d->chunks; c; c = next) {
		next = c->next;
		if (c->entrylib->inherited)
			d->table = NULL; /* they still lead there */
		else
			entrylib_give_locked(es, c);
	}
	target_give_locked(es, d->table);
	pthread_mutex_unlock(&es->core->lock);
	for (uint32_t i = 0; i < d->n; i++) {
		free(d->entry[i].name);
		free(d->entry[i].version);
	}
	free(d->entry);
	*d = (struct guest_entries){ 0 };
}

const struct guest *entry_guest(const struct entries *es, const void *address)
{
	unsigned i;
	const struct entrylib_chunk *chunk = entrylib_at(es, (uintptr_t)address, &i);

	return chunk ? __atomic_load_n(&chunk->guest, __ATOMIC_RELAXED) : NULL;
}

const void *entry_target(const struct entries *es, const void *address)
{
	unsigned i;
	const struct entrylib_chunk *chunk = entrylib_at(es, (uintptr_t)address, &i);
	const struct target_table *table =
		chunk ? __atomic_load_n(chunk->table, __ATOMIC_ACQUIRE) : NULL;

	/* Its guest may be going, and the chunk be another one's. */
	if (!table || chunk->target[i] >> table->size)
		return address;
	return wide_aimed(&es->wide, table, chunk->target[i], NULL);
}
