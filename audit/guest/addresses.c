#include "guest/addresses.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define ADDRESSES_FIRST 100 /* a page of them */

/* Where the first range stands that begins at `address` or below it.  Another thread may be
 * changing the table: then what comes out is of no use, and is_same says so. */
static uint32_t rank(const uintptr_t *lo, uint32_t n, uintptr_t address)
{
	uint32_t at = 0, half;

	if (!n)
		return 0;
	for (; n > 1; n -= half) {
		half = n / 2;
		/* Without a branch, which would be guessed wrong every other time. */
		at += half & -(uint32_t)(__atomic_load_n(&lo[at + half - 1], __ATOMIC_RELAXED) >
					 address);
	}
	return at + (__atomic_load_n(&lo[at], __ATOMIC_RELAXED) > address);
}

static bool is_same(const struct addresses *a, uint64_t version)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&a->version, __ATOMIC_RELAXED) == version;
}

/* The table that nobody reads, with room for n; NULL: out of memory. */
static struct address_table *spare(struct addresses *a, uint32_t n)
{
	struct address_table *t = &a->table[(a->version + 1) & 1];
	uint32_t room = t->room ? t->room : ADDRESSES_FIRST;
	uintptr_t *memory;

	while (room < n)
		room *= 2;
	if (room == t->room)
		return t;
	memory = mmap(NULL, room * (sizeof *t->lo + sizeof *t->place), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	__atomic_store_n(&t->n, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->lo, memory, __ATOMIC_RELEASE);
	__atomic_store_n(&t->place, (struct address_place *)(void *)(memory + room),
			 __ATOMIC_RELEASE);
	t->room = room;
	a->same = 0;
	return t;
}

static void put(struct address_table *t, uint32_t at, uintptr_t lo,
		const struct address_place *place)
{
	struct address_place *to = &t->place[at];

	__atomic_store_n(&t->lo[at], lo, __ATOMIC_RELAXED);
	__atomic_store_n(&to->hi, place->hi, __ATOMIC_RELAXED);
	__atomic_store_n(&to->gen, place->gen, __ATOMIC_RELAXED);
	__atomic_store_n(&to->handle, place->handle, __ATOMIC_RELAXED);
	__atomic_store_n(&to->context, place->context, __ATOMIC_RELAXED);
}

static void copy(struct address_table *to, uint32_t at, const struct address_table *from,
		 uint32_t first, uint32_t end)
{
	for (; first < end; first++)
		put(to, at++, from->lo[first], &from->place[first]);
}

/* Both tables are the same below `at`. */
static void publish(struct addresses *a, struct address_table *t, uint32_t n, uint32_t at)
{
	a->same = at;
	__atomic_store_n(&t->n, n, __ATOMIC_RELAXED);
	__atomic_store_n(&a->version, a->version + 1, __ATOMIC_SEQ_CST);
}

bool addresses_add_locked(struct addresses *a, uintptr_t lo, const struct address_place *place)
{
	const struct address_table *now = &a->table[a->version & 1];
	struct address_table *t = spare(a, now->n + 1);
	uint32_t at = rank(now->lo, now->n, lo);

	if (!t)
		return false;
	/* Who still reads it sees the version change first. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	copy(t, a->same, now, a->same, at);
	put(t, at, lo, place);
	copy(t, at + 1, now, at, now->n);
	publish(a, t, now->n + 1, at);
	return true;
}

void addresses_remove_locked(struct addresses *a, uintptr_t lo, const struct generation *gen)
{
	const struct address_table *now = &a->table[a->version & 1];
	uint32_t at = rank(now->lo, now->n, lo);
	struct address_table *t;

	while (at < now->n && now->lo[at] == lo && now->place[at].gen != gen)
		at++;
	if (at == now->n || now->lo[at] != lo)
		return;
	t = spare(a, now->n); /* never larger than what is there */
	if (!t)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	copy(t, a->same, now, a->same, at);
	copy(t, at, now, at + 1, now->n);
	publish(a, t, now->n - 1, at);
}

bool addresses_find(const struct addresses *a, uintptr_t address, struct address_place *place)
{
	const struct address_place *places, *p;
	const uintptr_t *lo;
	uint64_t version;
	uint32_t n, at;
	bool found;

	do {
		version = __atomic_load_n(&a->version, __ATOMIC_ACQUIRE);
		n = __atomic_load_n(&a->table[version & 1].n, __ATOMIC_ACQUIRE);
		lo = __atomic_load_n(&a->table[version & 1].lo, __ATOMIC_ACQUIRE);
		places = __atomic_load_n(&a->table[version & 1].place, __ATOMIC_ACQUIRE);
		if (!is_same(a, version)) {
			found = false;
			continue;
		}
		at = rank(lo, n, address);
		p = &places[at];
		found = at < n && address < __atomic_load_n(&p->hi, __ATOMIC_RELAXED);
		if (found) {
			place->hi = __atomic_load_n(&p->hi, __ATOMIC_RELAXED);
			place->gen = __atomic_load_n(&p->gen, __ATOMIC_RELAXED);
			place->handle = __atomic_load_n(&p->handle, __ATOMIC_RELAXED);
			place->context = __atomic_load_n(&p->context, __ATOMIC_RELAXED);
		}
	} while (!is_same(a, version));
	return found;
}
