/* Memory of one kind in a library.
 *
 * Blocks are counted in granules of 16 bytes.  `starts` has a bit where a block
 * starts, used or free, so that a block's neighbours are found without any
 * header: what the client writes beyond its block cannot damage the records.
 * Free blocks stand in bins by size; a record of a free block is found by its
 * start through a small hash table.  Everything from `top` on has never been
 * used, or has been given back.
 *
 * A record that there is no memory for is left out: such a hole is found again
 * when a neighbour is freed.  So freeing never fails. */
#include "arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "backing.h"
#include "error.h"
#include "sections.h"

static uint32_t pages_of(const struct arena *a)
{
	return (a->size + PAGE - 1) / PAGE;
}

static size_t lowest_words(size_t size)
{
	return ((size / GRANULE + 63) / 64 + 1) * ARENA_STRIDE;
}

size_t arena_side_words(size_t size)
{
	return 2 * bits_upper_words(size / GRANULE) + size / PAGE / 64 + 1 + lowest_words(size);
}

uint64_t *arena_place(struct arena *a, uint64_t *words)
{
	size_t n = a->size / GRANULE, upper = bits_upper_words(n);
	uint64_t *lowest = words + 2 * upper + a->size / PAGE / 64 + 1;

	bits_place(&a->starts, n, lowest, ARENA_STRIDE, words);
	bits_place(&a->names, n, lowest + 1, ARENA_STRIDE, words + upper);
	a->used = lowest + 2;
	a->open = lowest + 3;
	a->backed = words + 2 * upper;
	a->limit = n;
	return lowest + lowest_words(a->size);
}

void arena_finish(struct arena *a)
{
	free(a->holes);
	free(a->index);
}

/* --- pages ------------------------------------------------------------------ */

static bool page_backed(const struct arena *a, size_t page)
{
	return a->backed[page / 64] >> (page % 64) & 1;
}

static void mark_pages(struct arena *a, size_t from, size_t to, bool backed)
{
	for (size_t p = from; p < to; p++) {
		uint64_t bit = 1ull << (p % 64);

		if (page_backed(a, p) == backed)
			continue;
		a->backed[p / 64] ^= bit;
		a->backed_pages += backed ? 1 : -1;
	}
}

static int back_pages(struct arena *a, size_t from, size_t to)
{
	void *at = (void *)(a->base + from * PAGE);
	size_t size = (to - from) * PAGE;

	if (a->alias)
		return backing_add(a->library, (uintptr_t)at - a->library->base, size);
	if (mprotect(at, size, PROT_READ | PROT_WRITE) != 0)
		return error_set(ENOMEM, "%s: no memory for data: %m: free some",
				 a->library->name);
	madvise(at, size, MADV_DODUMP);
	return 0;
}

/* Gives the pages of granules [from, to) memory.  When the arena grows, a few
 * more come with them, so that small blocks do not cost a system call each. */
static int back(struct arena *a, uint32_t from, uint32_t to)
{
	size_t first = (size_t)from * GRANULE / PAGE;
	size_t last = ((size_t)to * GRANULE + PAGE - 1) / PAGE, more;

	while (first < last && page_backed(a, first))
		first++;
	while (first < last && page_backed(a, last - 1))
		last--;
	if (first == last)
		return 0;
	if (to > a->top) {
		more = last + a->backed_pages / 8;
		if (more > pages_of(a))
			more = pages_of(a);
		if (back_pages(a, first, more) == 0) {
			mark_pages(a, first, more, true);
			return 0;
		}
	}
	if (back_pages(a, first, last) != 0)
		return -1;
	mark_pages(a, first, last, true);
	return 0;
}

static void unback(struct arena *a, size_t from, size_t to)
{
	if (from >= to)
		return;
	if (a->alias)
		backing_remove(a->library, a->base - a->library->base + from * PAGE,
			       (to - from) * PAGE);
	else
		madvise((void *)(a->base + from * PAGE), (to - from) * PAGE, MADV_DONTNEED);
	mark_pages(a, from, to, false);
}

/* The granules [from, to) have become free, and belong to the hole
 * [hole_from, hole_to): pages that are wholly in it, and had a part in what was
 * freed, are empty now. */
static void release(struct arena *a, uint32_t from, uint32_t to, uint32_t hole_from,
		    uint32_t hole_to)
{
	const uint32_t n = PAGE / GRANULE;
	size_t first = from / n, last = (to + n - 1) / n;

	if (first < (hole_from + n - 1) / n)
		first = (hole_from + n - 1) / n;
	if (hole_to == a->top) {
		/* With everything that was backed in advance. */
		while (last < pages_of(a) && page_backed(a, last))
			last++;
	} else if (last > hole_to / n) {
		last = hole_to / n;
	}
	unback(a, first, last);
}

/* --- records of holes ---------------------------------------------------------- */

static uint32_t index_slot(const struct arena *a, uint32_t start)
{
	uint32_t mask = a->index_size - 1, i = start * 2654435761u & mask;

	while (a->index[i] && a->holes[a->index[i]].start != start)
		i = (i + 1) & mask;
	return i;
}

static uint32_t find_hole(const struct arena *a, uint32_t start)
{
	return a->index_size ? a->index[index_slot(a, start)] : 0;
}

static void index_remove(struct arena *a, uint32_t i)
{
	uint32_t mask = a->index_size - 1, j = i, home;

	/* What follows moves up, unless it stands where it belongs already. */
	for (;;) {
		j = (j + 1) & mask;
		if (!a->index[j])
			break;
		home = a->holes[a->index[j]].start * 2654435761u & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		a->index[i] = a->index[j];
		i = j;
	}
	a->index[i] = 0;
	a->index_used--;
}

static bool grow_index(struct arena *a)
{
	uint32_t *old = a->index, old_size = a->index_size;
	uint32_t size = old_size ? 2 * old_size : 64;
	uint32_t *index;

	if (2 * (a->index_used + 1) <= old_size)
		return true;
	index = calloc(size, sizeof *index);
	if (!index)
		return a->index_used + 1 < old_size;
	a->index = index;
	a->index_size = size;
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i])
			index[index_slot(a, a->holes[old[i]].start)] = old[i];
	free(old);
	return true;
}

static uint32_t new_record(struct arena *a)
{
	uint32_t r = a->spare;
	struct hole *holes;

	if (r) {
		a->spare = a->holes[r].next;
		return r;
	}
	if (a->holes_used + 1 >= a->holes_size) {
		uint32_t size = a->holes_size ? 2 * a->holes_size : 32;

		holes = realloc(a->holes, size * sizeof *holes);
		if (!holes)
			return 0;
		a->holes = holes;
		a->holes_size = size;
	}
	return ++a->holes_used;
}

/* Four bins for each power of two; exact up to 8 granules. */
static unsigned bin_of(uint32_t size)
{
	unsigned log = 31 - __builtin_clz(size);

	if (log < 2)
		return size;
	return 4 * log - 4 + ((size >> (log - 2)) & 3);
}

static void add_hole(struct arena *a, uint32_t start, uint32_t size)
{
	unsigned bin = bin_of(size);
	uint32_t r;

	if (!grow_index(a))
		return;
	r = new_record(a);
	if (!r)
		return;
	a->holes[r] = (struct hole){ start, size, a->bins[bin], 0 };
	if (a->bins[bin])
		a->holes[a->bins[bin]].prev = r;
	a->bins[bin] = r;
	a->bins_set[bin / 64] |= 1ull << (bin % 64);
	a->index[index_slot(a, start)] = r;
	a->index_used++;
}

static void remove_hole(struct arena *a, uint32_t start)
{
	uint32_t slot, r;
	struct hole *h;
	unsigned bin;

	r = find_hole(a, start);
	if (!r)
		return;
	slot = index_slot(a, start);
	h = &a->holes[r];
	bin = bin_of(h->size);
	if (h->prev)
		a->holes[h->prev].next = h->next;
	else
		a->bins[bin] = h->next;
	if (h->next)
		a->holes[h->next].prev = h->prev;
	if (!a->bins[bin])
		a->bins_set[bin / 64] &= ~(1ull << (bin % 64));
	index_remove(a, slot);
	h->next = a->spare;
	a->spare = r;
}

/* --- blocks ----------------------------------------------------------------------- */

static uint32_t end_of(const struct arena *a, uint32_t start)
{
	size_t next = bits_next(&a->starts, start + 1);

	return next < a->top ? next : a->top;
}

/* The first granule at or after `g` whose address is aligned. */
static uint64_t align(const struct arena *a, uint32_t g, size_t alignment)
{
	uintptr_t address = a->base + (uintptr_t)g * GRANULE;

	return (((address + alignment - 1) & -alignment) - a->base) / GRANULE;
}

static bool fits(const struct arena *a, const struct hole *h, uint32_t n, size_t alignment)
{
	return align(a, h->start, alignment) + n <= (uint64_t)h->start + h->size;
}

/* How many holes of a bin are looked at. */
#define BIN_TRIES 16

static uint32_t find_fit(const struct arena *a, uint32_t n, size_t alignment)
{
	for (unsigned bin = bin_of(n); bin < ARENA_BINS; bin++) {
		uint64_t w = a->bins_set[bin / 64] >> (bin % 64);
		uint32_t r;

		if (!w) {
			bin |= 63;
			continue;
		}
		bin += __builtin_ctzll(w);
		r = a->bins[bin];
		for (int tries = 0; r && tries < BIN_TRIES; tries++) {
			if (fits(a, &a->holes[r], n, alignment))
				return r;
			r = a->holes[r].next;
		}
	}
	return 0;
}

static void mark_used(struct arena *a, uint32_t start, uint32_t n)
{
	bits_set(&a->starts, start);
	granule_set(a->used, start, true);
	a->blocks++;
	a->granules += n;
}

/* Out of [from, to), which is free and has no record, [start, start + n) is
 * going to be used. */
static void split(struct arena *a, uint32_t from, uint32_t to, uint32_t start, uint32_t n)
{
	if (from < start) {
		bits_set(&a->starts, from);
		granule_set(a->used, from, false);
		add_hole(a, from, start - from);
	}
	if (start + n < to) {
		bits_set(&a->starts, start + n);
		granule_set(a->used, start + n, false);
		add_hole(a, start + n, to - start - n);
	}
	mark_used(a, start, n);
}

uintptr_t arena_alloc(struct arena *a, size_t size, size_t alignment)
{
	uint64_t n = size / GRANULE + (size % GRANULE != 0), start;
	uint32_t r, old_top = a->top;

	r = n <= a->limit ? find_fit(a, n, alignment) : 0;
	if (r) {
		struct hole h = a->holes[r];

		start = align(a, h.start, alignment);
		if (back(a, start, start + n) != 0)
			return 0;
		remove_hole(a, h.start);
		bits_clear(&a->starts, h.start);
		split(a, h.start, h.start + h.size, start, n);
		return a->base + start * GRANULE;
	}
	start = align(a, old_top, alignment);
	if (n > a->limit || start + n > a->limit) {
		error_set(ENOMEM,
			  "%s: no address space for %zu bytes more: create it "
			  "with larger limits, or free some",
			  a->library->name, size);
		return 0;
	}
	if (back(a, start, start + n) != 0)
		return 0;
	a->top = start + n;
	split(a, old_top, a->top, start, n);
	/* What is skipped may have been backed in advance. */
	release(a, old_top, start, old_top, start);
	sections_update_arena(a);
	return a->base + start * GRANULE;
}

/* [start, end) is free from here on: joins it with free neighbours. */
static void join(struct arena *a, uint32_t start, uint32_t end)
{
	uint32_t from = start, to = end;
	size_t before = start ? bits_prev(&a->starts, start - 1) : BITS_NONE;

	if (to < a->top && !granule_test(a->used, to)) {
		to = end_of(a, end);
		remove_hole(a, end);
		bits_clear(&a->starts, end);
	}
	if (before != BITS_NONE && !granule_test(a->used, before)) {
		from = before;
		remove_hole(a, from);
		bits_clear(&a->starts, start);
	}
	release(a, start, end, from, to);
	if (to == a->top) {
		bits_clear(&a->starts, from);
		a->top = from;
		sections_update_arena(a);
		return;
	}
	bits_set(&a->starts, from);
	granule_set(a->used, from, false);
	add_hole(a, from, to - from);
}

void arena_free(struct arena *a, uint32_t start)
{
	uint32_t end = end_of(a, start);

	granule_set(a->used, start, false);
	granule_set(a->open, start, false);
	a->blocks--;
	a->granules -= end - start;
	join(a, start, end);
}

int arena_resize(struct arena *a, uint32_t start, size_t size)
{
	uint64_t n = size / GRANULE + (size % GRANULE != 0);
	uint32_t end = end_of(a, start), have = end - start, room = end;

	if (n == have)
		return 0;
	if (n < have) {
		a->granules -= have - n;
		bits_set(&a->starts, start + n);
		join(a, start + n, end);
		return 0;
	}
	if (end == a->top)
		room = a->limit;
	else if (!granule_test(a->used, end))
		room = end_of(a, end);
	if (n > room - start)
		return error_set(ENOMEM,
				 "%s: no room for %zu bytes in place: allocate "
				 "another block",
				 a->library->name, size);
	if (back(a, end, start + n) != 0)
		return -1;
	a->granules += n - have;
	if (end == a->top) {
		a->top = start + n;
		sections_update_arena(a);
		return 0;
	}
	remove_hole(a, end);
	bits_clear(&a->starts, end);
	if (start + n < room) {
		bits_set(&a->starts, start + n);
		granule_set(a->used, start + n, false);
		add_hole(a, start + n, room - start - n);
	}
	return 0;
}

bool arena_block(const struct arena *a, uintptr_t address, uint32_t *start, uint32_t *granules)
{
	size_t g, s;

	if (address - a->base >= a->size)
		return false;
	g = (address - a->base) / GRANULE;
	if (g >= a->top)
		return false;
	s = bits_prev(&a->starts, g);
	if (s == BITS_NONE || !granule_test(a->used, s))
		return false;
	*start = s;
	*granules = end_of(a, s) - s;
	return true;
}
