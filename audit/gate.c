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

_Static_assert(offsetof(struct gate_table, target) == 16, "entries_x86_64.S");
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
	char *entries;
	struct link_map *map;
	size_t xsave_size;

	if (!can_count(&xsave_size))
		return "no membarrier(2) or no XSAVE here";
	gate->closed = calloc(1, sizeof *gate->closed + sizeof(void *));
	map = load_library(ga);
	if (!map || !gate->closed)
		return map ? "out of memory" : dlerror();
	gate->closed->target[0] = ldso_lookup(map, "goaudit_called_after_unload");
	gate->slots = ldso_lookup(map, "goaudit_entry_slots");
	entries = ldso_lookup(map, "goaudit_entries");
	*(size_t *)ldso_lookup(map, "goaudit_entry_xsave_size") = xsave_size;
	*(void **)ldso_lookup(map, "goaudit_entry_enlist") = enlist;
	__atomic_store_n(&gate->entries, entries, __ATOMIC_RELEASE);
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
	uintptr_t offset = (uintptr_t)address - gen->map->l_addr;
	size_t n;
	const ElfW(Phdr) *ph = ldso_phdrs(gen->map, &n);

	for (size_t i = 0; ph && i < n; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X) &&
		    offset - ph[i].p_vaddr < ph[i].p_memsz)
			return true;
	return false;
}

static uint64_t take_column(struct gate *gate, struct generation *gen)
{
	uint32_t n = 1;

	while (n < GATE_COLUMNS && gate->column[n])
		n++;
	if (n == GATE_COLUMNS)
		n = 0;
	else
		gate->column[n] = gen;
	return n * sizeof(uint32_t);
}

/* Room for one function more.  Threads may be reading the table. */
static bool grow(struct gate *gate, struct generation *gen)
{
	struct gate_side *side = &gen->gate;
	struct gate_table *old = side->table, *t;
	uint32_t capacity = old ? 2 * old->capacity : 16;

	if (old && old->n < old->capacity)
		return true;
	if (old) {
		void *p = realloc(side->outgrown, (side->outgrown_n + 1) *
							  sizeof *side->outgrown);

		if (!p)
			return false;
		side->outgrown = p;
	}
	t = malloc(sizeof *t + capacity * sizeof *t->target);
	if (!t)
		return false;
	t->column = old ? old->column : take_column(gate, gen);
	t->n = old ? old->n : 0;
	t->capacity = capacity;
	if (old) {
		memcpy(t->target, old->target, old->n * sizeof *t->target);
		side->outgrown[side->outgrown_n++] = old;
	}
	__atomic_store_n(&side->table, t, __ATOMIC_RELEASE);
	return true;
}

static void *entry_at(const struct gate *gate, uint32_t n)
{
	return gate->entries + (size_t)n * GATE_ENTRY_SIZE;
}

/* With goaudit.lock. */
static void *find(struct gate *gate, struct generation *gen, const void *address)
{
	struct gate_table *t = gen->gate.table;

	for (uint32_t n = 0; t && n < gate->used; n++)
		if (gate->owner[n] == gen &&
		    t->target[gate->slots[n].offset / sizeof(void *)] == address)
			return entry_at(gate, n);
	return NULL;
}

/* With goaudit.lock. */
static void *make(struct gate *gate, struct generation *gen, void *address)
{
	struct gate_table *t;
	uint32_t i, n = 0;

	for (i = 0; i < GATE_ENTRIES; i++) {
		n = (gate->next + i) % GATE_ENTRIES;
		if (!gate->owner[n])
			break;
	}
	if (i == GATE_ENTRIES || !grow(gate, gen))
		return address;
	t = gen->gate.table;
	t->target[t->n] = address;
	gate->slots[n].offset = t->n++ * sizeof(void *);
	gate->slots[n].table = &gen->gate.table;
	gate->owner[n] = gen;
	gate->next = n + 1;
	if (n >= gate->used)
		gate->used = n + 1;
	return entry_at(gate, n);
}

void *gate_enter_by(struct goaudit *ga, struct generation *gen, void *address)
{
	void *entry;

	if (!is_function(gen, address) || !load_entries(ga))
		return address;
	pthread_mutex_lock(&ga->lock);
	entry = find(&ga->gate, gen, address);
	if (!entry)
		entry = make(&ga->gate, gen, address);
	pthread_mutex_unlock(&ga->lock);
	return entry;
}

void gate_release(struct goaudit *ga, struct generation *gen)
{
	struct gate *gate = &ga->gate;
	struct gate_side *side = &gen->gate;

	if (!side->table)
		return;
	/* A call after dlclose traps in goaudit_called_after_unload, not in
	 * whatever comes to lie at the old address. */
	for (uint32_t n = 0; n < gate->used; n++)
		if (gate->owner[n] == gen) {
			gate->slots[n].offset = 0;
			gate->slots[n].table = &gate->closed;
			gate->owner[n] = NULL;
			gate->next = n < gate->next ? n : gate->next;
		}
	while (gate->used && !gate->owner[gate->used - 1])
		gate->used--;
	for (unsigned i = 1; i < GATE_COLUMNS; i++)
		if (gate->column[i] == gen)
			gate->column[i] = NULL;
	for (uint32_t i = 0; i < side->outgrown_n; i++)
		free(side->outgrown[i]);
	free(side->outgrown);
	free(side->table);
	memset(side, 0, sizeof *side);
}

bool gate_busy(const struct goaudit *ga, const struct generation *gen)
{
	const struct gate_table *table = gen->gate.table;
	size_t n;

	if (!table)
		return false;
	if (__atomic_load_n(&ga->gate.lost, __ATOMIC_ACQUIRE))
		return true;
	n = table->column / sizeof(uint32_t);
	for (struct gate_thread *t = __atomic_load_n(&ga->gate.threads, __ATOMIC_ACQUIRE);
	     t; t = t->next)
		if (__atomic_load_n(&t->calls[n], __ATOMIC_ACQUIRE) && t->tid &&
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
