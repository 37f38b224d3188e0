#include "gate.h"

#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch.h"
#include "state.h"

_Static_assert(offsetof(struct gate_table, target) == 24, "entries_x86_64.S");
_Static_assert(sizeof(struct gate_entry) == 16, "entries_x86_64.S");

/* --- threads -------------------------------------------------------------- */

static bool is_alive(int tid)
{
	return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

/* A chunk of blocks that nobody has yet. */
static bool add_blocks(struct gate *gate)
{
	struct gate_thread *first = mmap(NULL, ARCH_PAGE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = ARCH_PAGE / sizeof *first;

	if (first == MAP_FAILED)
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		first[i].next = &first[i + 1];
	first[n - 1].next = __atomic_load_n(&gate->threads, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(&gate->threads, &first[n - 1].next, first,
					    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
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
		memset(t->calls, 0, sizeof t->calls);
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
	struct gate_thread *t = take_block(gate, tid);

	while (!t && add_blocks(gate))
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
}

void gate_settle(struct goaudit *ga)
{
	if (ga->gate.entries)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* --- entries -------------------------------------------------------------- */

static bool can_count(size_t *xsave_size)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
	    !__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return false;
	*xsave_size = b;
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		       0, 0) == 0;
}

/* Brings the library into the host's namespace.  Two threads may do it at once,
 * and find the same. */
static struct link_map *load_library(struct goaudit *ga)
{
	char name[sizeof ga->home + 32];

	snprintf(name, sizeof name, "%s/libgoaudit-entries.so", ga->home);
	return dlmopen(LM_ID_BASE, name, RTLD_NOW | RTLD_NODELETE);
}

bool gate_find(struct goaudit *ga, const char *name, void **symbol)
{
	struct link_map *map = load_library(ga);

	*symbol = map ? ldso_lookup(map, name) : NULL;
	return *symbol != NULL;
}

static const char *prepare_entries(struct goaudit *ga)
{
	struct gate *gate = &ga->gate;
	struct link_map *map;
	size_t xsave_size;

	if (!can_count(&xsave_size))
		return "no membarrier(2) or no XSAVE here";
	map = load_library(ga);
	if (!map)
		return dlerror();
	gate->after_unload = ldso_lookup(map, "goaudit_called_after_unload");
	gate->prepare = (void (*)(void))ldso_lookup(map, "goaudit_entry_prepare");
	gate->slots = ldso_lookup(map, "goaudit_entry_slots");
	*(size_t *)ldso_lookup(map, "goaudit_entry_xsave_size") = xsave_size;
	*(void **)ldso_lookup(map, "goaudit_entry_enlist") = enlist;
	__atomic_store_n(&gate->entries, (char *)ldso_lookup(map, "goaudit_entries"),
			 __ATOMIC_RELEASE);
	return NULL;
}

/* Not under our lock: ld.so is called. */
static bool load_entries(struct goaudit *ga)
{
	struct gate *gate = &ga->gate;
	const char *why;

	if (__atomic_load_n(&gate->entries, __ATOMIC_ACQUIRE))
		return true;
	if (gate->failed)
		return false;
	why = prepare_entries(ga);
	if (!why)
		return true;
	gate->failed = true;
	goaudit_log(ga, "calls into guests are not counted: %s", why);
	return false;
}

static bool is_function(const struct generation *gen, const void *address)
{
	const ElfW(Phdr) *segment = ldso_segment_at(gen->map, PT_LOAD, address);

	return segment && (segment->p_flags & PF_X);
}

/* --- tables, all with goaudit.lock ---------------------------------------- */

static struct gate_table *take_table(struct gate *gate, uint32_t n)
{
	uint32_t size = 4;
	struct gate_table *t;

	while (n > 1u << size)
		size++;
	if (size >= GATE_SIZES)
		return NULL;
	t = gate->free[size];
	if (t) {
		gate->free[size] = t->next;
	} else {
		t = calloc(1, sizeof *t + (sizeof(void *) << size));
		if (!t)
			return NULL;
		t->size = size;
	}
	t->n = n;
	return t;
}

static void give_table(struct gate *gate, struct gate_table *t)
{
	if (!t)
		return;
	t->next = gate->free[t->size];
	gate->free[t->size] = t;
}

static uint64_t column_of(struct gate *gate, struct generation *gen)
{
	uint32_t n = 1;

	if (!gen->entered) {
		gen->entered = true;
		while (n < GATE_COLUMNS && gate->column[n])
			n++;
		if (n < GATE_COLUMNS) {
			gate->column[n] = gen;
			gen->column = n;
		}
	}
	return gen->column * sizeof(uint32_t);
}

static void publish(struct gate *gate, struct gate_doors *d, struct gate_table *t,
		    struct generation *of)
{
	struct gate_table *old;

	t->next = of->tables;
	of->tables = t;
	old = __atomic_exchange_n(&d->table, t, __ATOMIC_SEQ_CST);
	if (!d->of)
		give_table(gate, old);	/* its generation is gone */
	d->of = of;
}

/* --- doors ---------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void *find(const struct gate *gate, const struct gate_doors *d,
		  const char *name, const char *version)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (strcmp(d->door[i].name, name) == 0 &&
		    same(d->door[i].version, version))
			return gate->entries + (size_t)d->door[i].entry * GATE_ENTRY_SIZE;
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
	return door->name && (!version || door->version);
}

/* A door more, to address in gen.  With goaudit.lock. */
static void *make(struct gate *gate, struct generation *gen, const char *name,
		  const char *version, void *address)
{
	struct gate_doors *d = &gen->guest->doors;
	struct gate_entry *entry = &gate->slots[gate->used];
	struct gate_table *t;

	if (gate->used == GATE_ENTRIES || !add_door(d, name, version))
		return address;
	t = take_table(gate, d->n + 1);
	if (!t)
		return address;
	if (d->n)
		memcpy(t->target, d->table->target, d->n * sizeof *t->target);
	t->column = column_of(gate, gen);
	t->target[d->n] = address;
	d->door[d->n].entry = gate->used++;
	entry->offset = d->n++ * sizeof(void *);
	entry->table = &d->table;
	publish(gate, d, t, gen);
	return (char *)gate->entries + (entry - gate->slots) * GATE_ENTRY_SIZE;
}

void *gate_enter_by(struct goaudit *ga, struct generation *gen, const char *name,
		    const char *version, void *address)
{
	struct gate_doors *d = &gen->guest->doors;
	void *entry;

	if (!is_function(gen, address) || !load_entries(ga))
		return address;
	ga->gate.prepare();
	pthread_mutex_lock(&ga->lock);
	if (gen->guest->serving != gen) {
		/* In its own package init it is not called by others yet. */
		entry = gen->owner ? address : NULL;
	} else {
		entry = find(&ga->gate, d, name, version);
		if (!entry)
			entry = make(&ga->gate, gen, name, version, address);
	}
	pthread_mutex_unlock(&ga->lock);
	return entry;
}

/* The function in gen that a door is to lead to. */
static void *look_up(const struct generation *gen, const struct gate_door *door)
{
	void *p = door->version ? dlvsym(gen->map, door->name, door->version) :
				  dlsym(gen->map, door->name);

	return p && is_function(gen, p) ? p : NULL;
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

const char *gate_lacks(struct goaudit *ga, const struct generation *gen)
{
	struct gate_door door;

	for (uint32_t i = 0; door_at(ga, &gen->guest->doors, i, &door); i++)
		if (!look_up(gen, &door))
			return door.name;
	return NULL;
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

bool gate_prepare(struct goaudit *ga, struct generation *gen, struct gate_table **table)
{
	struct gate_doors *d = &gen->guest->doors;
	struct gate_table *t = NULL;
	struct gate_door door;
	uint32_t n;
	void *p;

	pthread_mutex_lock(&ga->lock);
	n = d->n;
	if (n)
		t = take_table(&ga->gate, n);
	pthread_mutex_unlock(&ga->lock);
	*table = t;
	if (!n || !t)
		return !n;
	for (uint32_t i = 0; i < n && door_at(ga, d, i, &door); i++) {
		p = look_up(gen, &door);
		t->target[i] = p ? p : ga->gate.after_unload;
	}
	return true;
}

bool gate_switch(struct goaudit *ga, struct generation *gen, struct gate_table *table)
{
	struct gate_doors *d = &gen->guest->doors;

	if ((table ? table->n : 0) < d->n) {
		give_table(&ga->gate, table);
		return false;
	}
	if (table) {
		table->column = column_of(&ga->gate, gen);
		publish(&ga->gate, d, table, gen);
	}
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
		d->table->column = 0;
		d->of = NULL;
	}
	for (t = gen->tables; t; t = next) {
		next = t->next;
		if (t != d->table)
			give_table(gate, t);
	}
	gen->tables = NULL;
	if (gen->column)
		gate->column[gen->column] = NULL;
}

bool gate_busy(const struct goaudit *ga, const struct generation *gen)
{
	if (!gen->entered)
		return false;
	if (__atomic_load_n(&ga->gate.lost, __ATOMIC_ACQUIRE))
		return true;
	for (struct gate_thread *t = __atomic_load_n(&ga->gate.threads, __ATOMIC_ACQUIRE);
	     t; t = t->next)
		if (__atomic_load_n(&t->calls[gen->column], __ATOMIC_ACQUIRE) && t->tid &&
		    is_alive(t->tid))
			return true;
	return false;
}

const void *gate_target(const struct goaudit *ga, const void *address)
{
	const struct gate *gate = &ga->gate;
	const struct gate_entry *entry;
	uintptr_t offset;

	if (!__atomic_load_n(&gate->entries, __ATOMIC_ACQUIRE))
		return address;
	offset = (uintptr_t)address - (uintptr_t)gate->entries;
	if (offset >= GATE_ENTRIES * GATE_ENTRY_SIZE)
		return address;
	entry = &gate->slots[offset / GATE_ENTRY_SIZE];
	return entry->table ? (*entry->table)->target[entry->offset / sizeof(void *)] :
			      address;
}
