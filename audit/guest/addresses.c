#include "guest/addresses.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ADDRESSES_FIRST 170 /* a page of them */

/* How many ranges begin at `address` or below it.  Another thread may be changing the table:
 * then what comes out is of no use, and addresses_same says so. */
static uint32_t rank(const struct address_range *range, uint32_t n, uintptr_t address)
{
	uint32_t at = 0, step;

	while (n) {
		step = n - n / 2;
		if (__atomic_load_n(&range[at + step - 1].lo, __ATOMIC_RELAXED) <= address) {
			at += step;
			n -= step;
		} else {
			n = step - 1;
		}
	}
	return at;
}

/* The table that nobody reads, with room for n; NULL: out of memory. */
static struct address_table *spare(struct addresses *a, uint32_t n)
{
	struct address_table *t = &a->table[(a->version + 1) & 1];
	uint32_t room = t->room ? t->room : ADDRESSES_FIRST;
	void *memory;

	while (room < n)
		room *= 2;
	if (room == t->room)
		return t;
	memory = mmap(NULL, room * sizeof *t->range, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	__atomic_store_n(&t->n, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&t->range, (struct address_range *)memory, __ATOMIC_RELEASE);
	t->room = room;
	return t;
}

static void put(struct address_range *to, uintptr_t lo, uintptr_t hi, struct generation *gen)
{
	__atomic_store_n(&to->lo, lo, __ATOMIC_RELAXED);
	__atomic_store_n(&to->hi, hi, __ATOMIC_RELAXED);
	__atomic_store_n(&to->gen, gen, __ATOMIC_RELAXED);
}

static void copy(struct address_range *to, const struct address_range *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(&to[i], from[i].lo, from[i].hi, from[i].gen);
}

static void publish(struct addresses *a, struct address_table *t, uint32_t n)
{
	__atomic_store_n(&t->n, n, __ATOMIC_RELAXED);
	__atomic_store_n(&a->version, a->version + 1, __ATOMIC_SEQ_CST);
}

bool addresses_add_locked(struct addresses *a, uintptr_t lo, uintptr_t hi,
			  struct generation *gen)
{
	const struct address_table *now = &a->table[a->version & 1];
	struct address_table *t = spare(a, now->n + 1);
	uint32_t at = rank(now->range, now->n, lo);

	if (!t)
		return false;
	/* Who still reads it sees the version change first. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	copy(t->range, now->range, at);
	put(&t->range[at], lo, hi, gen);
	copy(t->range + at + 1, now->range + at, now->n - at);
	publish(a, t, now->n + 1);
	return true;
}

void addresses_remove_locked(struct addresses *a, uintptr_t lo, const struct generation *gen)
{
	const struct address_table *now = &a->table[a->version & 1];
	uint32_t at = rank(now->range, now->n, lo);
	struct address_table *t;

	while (at && now->range[at - 1].lo == lo && now->range[at - 1].gen != gen)
		at--;
	if (!at || now->range[at - 1].lo != lo)
		return;
	t = spare(a, now->n); /* never larger than what is there */
	if (!t)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	copy(t->range, now->range, at - 1);
	copy(t->range + at - 1, now->range + at, now->n - at);
	publish(a, t, now->n - 1);
}

struct generation *addresses_find(const struct addresses *a, uintptr_t address,
				  uint64_t *version)
{
	const struct address_range *range;
	struct generation *gen;
	uint64_t v;
	uint32_t n, at;

	do {
		v = __atomic_load_n(&a->version, __ATOMIC_ACQUIRE);
		n = __atomic_load_n(&a->table[v & 1].n, __ATOMIC_ACQUIRE);
		range = __atomic_load_n(&a->table[v & 1].range, __ATOMIC_ACQUIRE);
		at = addresses_same(a, v) ? rank(range, n, address) : 0;
		gen = NULL;
		if (at && address < __atomic_load_n(&range[at - 1].hi, __ATOMIC_RELAXED))
			gen = __atomic_load_n(&range[at - 1].gen, __ATOMIC_RELAXED);
	} while (!addresses_same(a, v));
	*version = v;
	return gen;
}

bool addresses_same(const struct addresses *a, uint64_t version)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&a->version, __ATOMIC_RELAXED) == version;
}
