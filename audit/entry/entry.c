#include "entry/entry.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/cancel.h"
#include "api/goaudit.h"

/* arch_*.S */
_Static_assert(offsetof(struct gate_table, column) == 0, "an entry reads it there");
_Static_assert(offsetof(struct gate_calls, begun) == 0, "an entry counts there");
_Static_assert(offsetof(struct gate_calls, ended) == 4, "an entry counts there");

/* --- threads -------------------------------------------------------------- */

static bool is_alive(int tid)
{
	return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

/* A block that nobody has yet. */
static bool add_block(struct gate *gate)
{
	struct gate_thread *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (t == MAP_FAILED)
		return false;
	t->next = __atomic_load_n(&gate->threads, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&gate->threads, &t->next, t, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	return true;
}

static struct gate_thread *take_block(struct gate *gate, int tid)
{
	for (struct gate_thread *t = __atomic_load_n(&gate->threads, __ATOMIC_ACQUIRE);
	     t; t = t->next) {
		int32_t owner = __atomic_load_n(&t->tid, __ATOMIC_RELAXED);

		/* The number of a thread that is gone may be ours now. */
		if (owner && owner != tid && is_alive(owner))
			continue;
		if (!__atomic_compare_exchange_n(&t->tid, &owner, tid, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		memset(t->calls, 0, __atomic_load_n(&gate->columns, __ATOMIC_ACQUIRE) *
					    sizeof *t->calls);
		return t;
	}
	return NULL;
}

/* Called by an entry on the thread's first call of a guest.  It may interrupt
 * anything, so it takes no lock and uses system calls only.  Out of memory: all
 * such threads share a block, and nothing is unmapped any more. */
static struct gate_thread *enlist(void)
{
	static struct gate_thread lost;
	struct gate *gate = &goaudit_state.gate;
	int tid = (int)syscall(SYS_gettid), saved = errno;
	CANCEL_OFF();
	struct gate_thread *t = take_block(gate, tid);

	while (!t && add_block(gate))
		t = take_block(gate, tid);
	errno = saved;
	if (t)
		return t;
	__atomic_store_n(&gate->lost, true, __ATOMIC_RELEASE);
	return &lost;
}

void gate_forking(struct goaudit *ga)
{
	ga->gate.forking = (int)syscall(SYS_gettid);
}

void gate_forked(struct goaudit *ga)
{
	for (struct gate_thread *t = ga->gate.threads; t; t = t->next)
		t->tid = t->tid == ga->gate.forking ? (int)syscall(SYS_gettid) : 0;
	/* What is left there is our parent's to write. */
	for (struct guest *g = ga->registry.guests; g; g = g->next)
		g->doors.room = NULL;
}

void gate_settle(struct goaudit *ga)
{
	/* A filter of system calls that the host has set since may forbid it. */
	if (__atomic_load_n(&ga->gate.prepare, __ATOMIC_ACQUIRE) &&
	    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
		__atomic_store_n(&ga->gate.lost, true, __ATOMIC_RELEASE);
}

/* --- what entries need ---------------------------------------------------- */

/* Brings the library into the host's namespace.  Two threads may do it at once,
 * and find the same. */
static struct link_map *load_library(struct goaudit *ga)
{
	char name[sizeof ga->home + 32];

	snprintf(name, sizeof name, "%s/libgoaudit-entries.so", ga->home);
	return call_dlopen(ga, false, name, RTLD_NOW | RTLD_NODELETE);
}

bool gate_find(struct goaudit *ga, const char *name, void **symbol)
{
	struct link_map *map = load_library(ga);

	*symbol = map ? ldso_lookup(map, name) : NULL;
	return *symbol != NULL;
}

/* Called by an entry that leads nowhere, just before the process is stopped; from a
 * signal handler, too. */
static void called_in_vain(uintptr_t entry, int lacking)
{
	struct goaudit *ga = &goaudit_state;
	unsigned i;
	const struct facade_chunk *chunk = facade_at(
		__atomic_load_n(&ga->gate.chunks, __ATOMIC_ACQUIRE), entry, &i);
	const struct guest *guest = chunk ? chunk->facade->guest : NULL;
	const char *name = NULL;
	CANCEL_OFF();

	if (guest && pthread_mutex_trylock(&ga->lock) == 0) {
		name = guest->doors.door[chunk->target[i]].name;
		pthread_mutex_unlock(&ga->lock);
	}
	goaudit_log(ga, "%s: %s has been called, %s", guest ? guest->path : "a guest",
		    name ? name : "a function",
		    lacking ? "which its current build lacks" : "but it has been unloaded");
}

/* Called by an entry's personality routine: an exception ends the call.  The unwinder that
 * does it, a libgcc_s or libunwind of the host's, knows where.  (One that is linked into
 * something has no names: such a call stays counted.) */
static void unwound(const void *unwinder, void *context)
{
	struct gate *gate = &goaudit_state.gate;
	const struct link_map *map = ldso_object_at(unwinder);
	uintptr_t (*get_ip)(void *) = NULL, (*get_sp)(void *) = NULL, at;
	const struct facade_chunk *chunk;
	struct gate_calls *calls;
	unsigned i;
	CANCEL_OFF();

	if (map) {
		get_ip = (uintptr_t (*)(void *))ldso_lookup(map, "_Unwind_GetIP");
		get_sp = (uintptr_t (*)(void *))ldso_lookup(map, "_Unwind_GetCFA");
	}
	if (!get_ip || !get_sp)
		return;
	at = get_ip(context);
	chunk = facade_at(__atomic_load_n(&gate->chunks, __ATOMIC_ACQUIRE), at, &i);
	calls = chunk ? arch_entry_calls(at - chunk->code - i * arch_entry_size(),
					 get_sp(context)) : NULL;
	if (calls)
		__atomic_add_fetch(&calls->ended, 1, __ATOMIC_RELEASE);
}

/* Can this machine count calls? */
static bool can_count(struct goaudit *ga)
{
	struct gate *gate = &ga->gate;

	if (__atomic_load_n(&gate->prepare, __ATOMIC_ACQUIRE))
		return true;
	if (gate->failed)
		return false;
	gate->saved = arch_saved_registers();
	if (gate->saved && syscall(SYS_membarrier,
				   MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
		return true;
	gate->failed = true;
	goaudit_log(ga, "calls into guests are not counted: no membarrier(2) or no XSAVE "
		    "here");
	return false;
}

/* Returns false with dlerror set.  Not under our lock: ld.so is called. */
static bool load_entries(struct goaudit *ga, const struct guest *guest)
{
	struct gate *gate = &ga->gate;
	struct link_map *map;

	if (__atomic_load_n(&gate->prepare, __ATOMIC_ACQUIRE))
		return true;
	map = load_library(ga);
	if (!map) {
		error_set(ga, "%s: the library for the entries of its functions cannot be "
			  "loaded: %s: free memory or descriptors, or install it",
			  guest->path, dlerror());
		return false;
	}
	gate->after_unload = ldso_lookup(map, "goaudit_called_after_unload");
	gate->lacking = ldso_lookup(map, "goaudit_called_lacking_function");
	*(void **)ldso_lookup(map, "goaudit_entry_in_vain") = called_in_vain;
	gate->enlist = ldso_lookup(map, "goaudit_entry_enlist");
	gate->copy = ldso_lookup(map, "goaudit_entry_copy");
	gate->block = ((int (*)(void))ldso_lookup(map, "goaudit_entry_block"))();
	*(void **)ldso_lookup(map, "goaudit_entry_unwound") = unwound;
	gate->personality = ldso_lookup(map, "goaudit_entry_personality");
	wide_init(&gate->wide, map);
	*(size_t *)ldso_lookup(map, "goaudit_entry_saved") = gate->saved;
	*(void **)ldso_lookup(map, "goaudit_entry_enlister") = enlist;
	__atomic_store_n(&gate->prepare,
			 (void (*)(void))ldso_lookup(map, "goaudit_entry_prepare"),
			 __ATOMIC_RELEASE);
	return true;
}

/* Constants may lie in the segment of the code (ld -z noseparate-code, gold). */
static bool is_function(const struct generation *gen, const char *name,
			const void *address)
{
	const ElfW(Phdr) *segment = ldso_segment_at(gen->map, PT_LOAD, address);
	const ElfW(Sym) *sym;

	if (!segment || !(segment->p_flags & PF_X))
		return false;
	sym = ldso_symbol(gen->map, name);
	return !sym || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT;
}

/* --- tables, all with goaudit.lock ---------------------------------------- */

/* Of the generation, taken for it if need be.  NULL: all are taken. */
static struct gate_column *column_of(struct gate *gate, struct generation *gen)
{
	unsigned n = 0;

	if (gen->entered)
		return &gate->column[gen->column];
	while (n < GATE_COLUMNS && gate->column[n].of)
		n++;
	if (n == GATE_COLUMNS)
		return NULL;
	if (n >= gate->columns)
		__atomic_store_n(&gate->columns, n + 1, __ATOMIC_RELEASE);
	gate->column[n].of = gen;
	gen->column = n;
	gen->entered = true;
	return &gate->column[n];
}

static struct gate_table *take_table(struct gate *gate, struct generation *gen, uint32_t n)
{
	struct gate_column *column = column_of(gate, gen);
	struct gate_table **p, *t;
	uint32_t size = 4;

	while (n > 1u << size)
		size++;
	if (!column || size >= GATE_SIZES)
		return NULL;
	for (p = &column->free; *p && (*p)->size != size;)
		p = &(*p)->next;
	t = *p;
	if (t) {
		*p = t->next;
	} else {
		t = calloc(1, sizeof *t + (sizeof(void *) << size));
		if (!t)
			return NULL;
		t->size = size;
		t->column = offsetof(struct gate_thread, calls) +
			    gen->column * sizeof(struct gate_calls);
	}
	t->n = n;
	return t;
}

static void give_table(struct gate *gate, struct gate_table *t)
{
	struct gate_column *column;

	if (!t)
		return;
	column = &gate->column[(t->column - offsetof(struct gate_thread, calls)) /
			       sizeof(struct gate_calls)];
	t->next = column->free;
	column->free = t;
}

static void publish(struct gate *gate, struct gate_doors *d, struct gate_table *t,
		    struct generation *of)
{
	struct gate_table *old = d->table;

	t->next = of->tables;
	of->tables = t;
	d->table = t;
	for (struct facade *f = d->facades; f; f = f->next)
		__atomic_store_n(&f->cell->table, t, __ATOMIC_SEQ_CST);
	if (!d->of)
		give_table(gate, old);	/* its generation is gone */
	d->of = of;
}

/* --- doors ---------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static struct gate_door *find(const struct gate_doors *d, const char *name,
			      const char *version)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (strcmp(d->door[i].name, name) == 0 &&
		    same(d->door[i].version, version))
			return &d->door[i];
	return NULL;
}

static bool add_door(struct gate_doors *d, const char *name, const char *version)
{
	struct gate_door *door = d->door;

	if (d->n == d->capacity) {
		door = realloc(door, (2 * d->capacity + 8) * sizeof *door);
		if (!door)
			return false;
		d->door = door;
		d->capacity = 2 * d->capacity + 8;
	}
	door += d->n;
	door->name = strdup(name);
	door->version = version ? strdup(version) : NULL;
	if (door->name && (!version || door->version))
		return true;
	free(door->name);
	free(door->version);
	return false;
}

/* Has the guest's table, which is gen's, have room for a door more: entries read no
 * target but their own, so it grows in place up to its capacity. */
static bool reserve(struct gate *gate, struct generation *gen)
{
	struct gate_doors *d = &gen->guest->doors;
	struct gate_table *t = d->table;
	int64_t words;
	void *function;

	if (t && d->of == gen && d->n < 1u << t->size)
		return true;
	t = take_table(gate, gen, d->n + 1);
	if (!t)
		return false;
	for (uint32_t i = 0; i < d->n; i++) {
		function = wide_aimed(&gate->wide, d->table, i, &words);
		if (!wide_aim(&gate->wide, t, i, function, words)) {
			give_table(gate, t);
			return false;
		}
	}
	publish(gate, d, t, gen);
	return true;
}

/* A door more, to address in gen, with `words` of it (wide.h); there is room for its
 * entry.  NULL: out of memory.  With goaudit.lock. */
static struct gate_door *make(struct gate *gate, struct generation *gen, const char *name,
			      const char *version, void *address, int64_t words)
{
	struct gate_doors *d = &gen->guest->doors;
	struct gate_door *door;

	if (!reserve(gate, gen) ||
	    !wide_aim(&gate->wide, d->table, d->n, address, words) ||
	    !add_door(d, name, version))
		return NULL;
	d->table->n = d->n + 1;
	door = &d->door[d->n];
	door->facade = d->room->facade;
	door->shown = false;
	door->entry = facade_make_entry(d->room, gate->block, d->n++);
	if (d->room->used == FACADE_CHUNK)
		d->room = NULL;
	return door;
}

/* Room for entries, of ours or, in the meantime, of somebody else.  Without locks. */
static bool make_room(struct goaudit *ga, struct guest *guest)
{
	struct gate_doors *d = &guest->doors;
	struct facade_chunk *chunk;
	struct facade *f, *newest;
	bool new, late;

	pthread_mutex_lock(&ga->lock);
	newest = d->facades;
	pthread_mutex_unlock(&ga->lock);
	chunk = facade_make_chunk(ga, guest, newest);
	if (!chunk)
		return false;
	f = chunk->facade;
	new = f != newest;
	pthread_mutex_lock(&ga->lock);
	late = new && d->facades != newest;
	if (new && !late) {
		f->cell->table = d->table;
		f->cell->enlist = ga->gate.enlist;
		f->cell->copy = ga->gate.copy;
		f->next = d->facades;
		d->facades = f;
	}
	if (!late) {
		chunk->next = ga->gate.chunks;
		__atomic_store_n(&ga->gate.chunks, chunk, __ATOMIC_RELEASE);
		d->room = chunk;
	}
	pthread_mutex_unlock(&ga->lock);
	if (late)
		facade_discard(chunk);
	return true;
}

/* The door's entry, once it is executable.  Without locks. */
static void *show(struct goaudit *ga, struct guest *guest, uint32_t n,
		  const struct gate_door *door, bool made)
{
	if (door->shown)
		return door->entry;
	facade_show(ga, door->facade, door->entry, made ? door->name : NULL, door->version);
	pthread_mutex_lock(&ga->lock);
	guest->doors.door[n].shown = true;
	pthread_mutex_unlock(&ga->lock);
	return door->entry;
}

bool gate_enter_by(struct goaudit *ga, struct generation *gen, const char *name,
		   const char *version, void **address)
{
	struct guest *guest = gen->guest;
	struct gate_doors *d = &guest->doors;
	struct gate_door *found, door;
	int64_t words = WIDE_NOT;
	uint32_t n = 0;
	bool made, exiting, read = false;

	if (!is_function(gen, name, *address) || !can_count(ga))
		return true;
	if (!load_entries(ga, guest)) {
		*address = NULL;
		return true;
	}
	ga->gate.prepare();
	for (;;) {
		pthread_mutex_lock(&ga->lock);
		if (guest->serving != gen) {
			pthread_mutex_unlock(&ga->lock);
			/* In its own package init it is not called by others yet. */
			return gen->owner;
		}
		found = find(d, name, version);
		if (!found && !read) {
			pthread_mutex_unlock(&ga->lock);
			words = wide_words(gen->map, *address);
			read = true;
			continue;
		}
		made = !found && d->room;
		if (made)
			found = make(&ga->gate, gen, name, version, *address, words);
		if (found) {
			door = *found;
			n = found - d->door;
		}
		exiting = ga->exiting;
		pthread_mutex_unlock(&ga->lock);
		if (found) {
			*address = show(ga, guest, n, &door, made);
			return true;
		}
		/* Nothing is unmapped any more, and there is no place for a library. */
		if (!made && exiting)
			return true;
		if (!made && make_room(ga, guest))
			continue;
		*address = NULL;
		if (made)
			error_set(ga, "%s: %s: out of memory: close some guests",
				  guest->path, name);
		return true;
	}
}

/* The function in gen that a door is to lead to. */
static void *look_up(const struct generation *gen, const struct gate_door *door)
{
	void *p = door->version ? dlvsym(gen->map, door->name, door->version) :
				  dlsym(gen->map, door->name);

	return p && is_function(gen, door->name, p) ? p : NULL;
}

/* The nth door; names live for ever.  Without our lock. */
static bool door_at(struct goaudit *ga, const struct gate_doors *d, uint32_t i,
		    struct gate_door *door)
{
	bool there;

	pthread_mutex_lock(&ga->lock);
	there = i < d->n;
	if (there)
		*door = d->door[i];
	pthread_mutex_unlock(&ga->lock);
	return there;
}

const char **gate_names(struct goaudit *ga, const struct guest *guest, size_t *n)
{
	const struct gate_doors *d = &guest->doors;
	const char **names;

	pthread_mutex_lock(&ga->lock);
	names = malloc((d->n + 1) * sizeof *names);
	*n = names ? d->n : 0;
	for (size_t i = 0; i < *n; i++)
		names[i] = d->door[i].name;
	pthread_mutex_unlock(&ga->lock);
	return names;
}

bool gate_prepare(struct goaudit *ga, struct generation *gen, struct gate_table **table,
		  const char **lacks)
{
	struct gate_doors *d = &gen->guest->doors;
	struct gate_table *t = NULL;
	struct gate_door door;
	uint32_t n;
	void *p;

	*lacks = NULL;
	pthread_mutex_lock(&ga->lock);
	n = d->n;
	if (n)
		t = take_table(&ga->gate, gen, n);
	pthread_mutex_unlock(&ga->lock);
	*table = t;
	if (!n || !t)
		return !n;
	for (uint32_t i = 0; i < n && door_at(ga, d, i, &door); i++) {
		p = look_up(gen, &door);
		if (!wide_aim(&ga->gate.wide, t, i, p ? p : ga->gate.lacking,
			      p ? wide_words(gen->map, p) : WIDE_NOT)) {
			gate_discard(ga, t);
			*table = NULL;
			return false;
		}
		if (!p && !*lacks)
			*lacks = door.name;
	}
	return true;
}

void gate_discard(struct goaudit *ga, struct gate_table *table)
{
	pthread_mutex_lock(&ga->lock);
	give_table(&ga->gate, table);
	pthread_mutex_unlock(&ga->lock);
}

static bool is_complete(const struct gate_doors *d, const struct gate_table *table)
{
	return (table ? table->n : 0) == d->n;
}

bool gate_is_complete(struct goaudit *ga, const struct generation *gen,
		      const struct gate_table *table)
{
	bool complete;

	pthread_mutex_lock(&ga->lock);
	complete = is_complete(&gen->guest->doors, table);
	pthread_mutex_unlock(&ga->lock);
	return complete;
}

bool gate_switch(struct goaudit *ga, struct generation *gen, struct gate_table *table)
{
	struct gate_doors *d = &gen->guest->doors;

	if (!is_complete(d, table))
		return false;
	if (table)
		publish(&ga->gate, d, table, gen);
	gen->guest->serving = gen;
	return true;
}

void gate_gone(struct goaudit *ga, struct generation *gen)
{
	struct gate *gate = &ga->gate;
	struct gate_doors *d = &gen->guest->doors;
	struct gate_table *t, *next;

	/* A call after dlclose traps in goaudit_called_after_unload, not in
	 * whatever comes to lie at the old address. */
	if (d->table && d->of == gen) {
		for (uint32_t i = 0; i < d->n; i++)
			d->table->target[i] = gate->after_unload;
		d->of = NULL;
	}
	for (t = gen->tables; t; t = next) {
		next = t->next;
		if (t != d->table)
			give_table(gate, t);
	}
	gen->tables = NULL;
	if (gen->entered)
		gate->column[gen->column].of = NULL;
}

/* A call that ends meanwhile may be seen; one that begins has its generation replaced. */
static bool has_calls(const struct gate_calls *c)
{
	uint32_t ended = __atomic_load_n(&c->ended, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&c->begun, __ATOMIC_ACQUIRE) != ended;
}

bool gate_busy(const struct goaudit *ga, const struct generation *gen)
{
	if (!gen->entered)
		return false;
	if (__atomic_load_n(&ga->gate.lost, __ATOMIC_ACQUIRE))
		return true;
	for (struct gate_thread *t = __atomic_load_n(&ga->gate.threads, __ATOMIC_ACQUIRE);
	     t; t = t->next)
		if (has_calls(&t->calls[gen->column]) && t->tid && is_alive(t->tid))
			return true;
	return false;
}

const void *gate_target(const struct goaudit *ga, const void *address)
{
	unsigned i;
	const struct facade_chunk *chunk = facade_at(
		__atomic_load_n(&ga->gate.chunks, __ATOMIC_ACQUIRE), (uintptr_t)address, &i);
	const struct gate_table *table =
		chunk ? __atomic_load_n(&chunk->facade->cell->table, __ATOMIC_ACQUIRE) : NULL;

	return table ? wide_aimed(&ga->gate.wide, table, chunk->target[i], NULL) : address;
}
