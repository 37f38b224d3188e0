/* The hash tables of symbols.
 *
 * ld.so looks names up in .hash, without a lock of ours, and often without one of
 * its own (lazy binding).  It has copied the number of buckets and the addresses
 * of buckets and chain into its link map when it loaded the library.  The table
 * must grow nevertheless, and each lookup must find what is bound, whichever of
 * these values it reads before and after a change.
 *
 * Every table has HASH_FIRST * 2^k buckets.  Doubling sends the symbols of bucket
 * i to the buckets i and i + n, by bit k of q = hash / HASH_FIRST.  Chains are
 * kept sorted by q with its bits reversed: then the symbols that will stay in i
 * come first, those for i + n follow, and the head of i + n can point into the
 * middle of i's chain ("split-ordered lists", Shalev and Shavit).  So one chain
 * is right for both counts:
 *
 *	HASH_STEADY	a table of n buckets is in use.
 *		The next table is made in the other area of the file: the same
 *		chain, the same heads, and n more heads that point into chains.
 *		ld.so's addresses are set to it; its count stays n.  The tables are
 *		equal as far as n goes, so a lookup that mixes them is right.
 *	HASH_BOTH	changes are made in both.
 *		After a grace period nobody looks at the old table.  The count is
 *		set to 2n.
 *	HASH_SWITCHED	changes are still made in both.
 *		After another grace period nobody uses n.  Each chain is cut
 *		between the two parts, and the old table is dropped.
 *
 * Both areas have the gABI's layout all the time, so tools can read them.  If
 * ld.so's copies are not where they were expected, the table stays as it is, and
 * lookups become slower, not wrong.
 *
 * .gnu.hash wants symbols in the order of its buckets, which symbols that keep
 * their slots cannot have; it has one bucket and one chain of all symbols.  It is
 * there for tools. */
#include "hash.h"

#include <string.h>

#include "backing.h"
#include "sections.h"

/* Words of .gnu.hash before the chain, which begins with symbol 1: four of the
 * header, two of the Bloom filter, one bucket. */
#define GNU_WORDS 7

uint32_t hash_of(const char *name)
{
	uint32_t h = 0, high;

	for (const unsigned char *p = (const void *)name; *p; p++) {
		h = (h << 4) + *p;
		high = h & 0xf0000000;
		h = (h ^ high >> 24) & ~high;
	}
	return h;
}

static uint32_t gnu_hash_of(const char *name)
{
	uint32_t h = 5381;

	for (const unsigned char *p = (const void *)name; *p; p++)
		h = h * 33 + *p;
	return h;
}

static uint32_t *bucket(const struct hash_table *t, uint32_t i)
{
	return &t->words[2 + i];
}

static uint32_t *chain(const struct hash_table *t, uint32_t slot)
{
	return &t->words[2 + t->buckets + slot];
}

static uint32_t *gnu_words(const struct library *lib)
{
	return (uint32_t *)(lib->alias + lib->at.gnu_hash);
}

/* Does a come before b in a chain? */
static bool before(uint32_t a, uint32_t b)
{
	uint32_t differ = a / HASH_FIRST ^ b / HASH_FIRST;

	return differ && !(a / HASH_FIRST & (differ & -differ));
}

/* Is it of the second part, which goes to bucket i + n? */
static bool goes_up(const struct library *lib, uint32_t slot, uint32_t n)
{
	return lib->symbols.side[slot].hash / n & 1;
}

static void store(uint32_t *where, uint32_t slot)
{
	__atomic_store_n(where, slot, __ATOMIC_RELEASE);
}

static int back_table(struct library *lib, const struct hash_table *t, uint32_t from,
		      uint32_t to)
{
	size_t offset = t->offset + (from ? 8 + 4 * (t->buckets + (size_t)from) : 0);

	return backing_add(lib, offset, t->offset + 8 + 4 * (t->buckets + (size_t)to) - offset);
}

int hash_back(struct library *lib, uint32_t from, uint32_t to)
{
	size_t n = to - from;

	if (back_table(lib, &lib->hash.now, from, to) != 0 ||
	    (lib->hash.phase != HASH_STEADY &&
	     back_table(lib, &lib->hash.next, from, to) != 0) ||
	    backing_add(lib, lib->at.dynsym + from * sizeof(Elf64_Sym),
			n * sizeof(Elf64_Sym)) != 0 ||
	    backing_add(lib, lib->at.gnu_hash + (GNU_WORDS + (size_t)from) * 4, n * 4) != 0 ||
	    (lib->version_count &&
	     backing_add(lib, lib->at.versym + 2 * (size_t)from, n * 2) != 0))
		return -1;
	return 0;
}

void hash_unback(struct library *lib, uint32_t from, uint32_t to)
{
	const struct hash_table *t = &lib->hash.now;
	size_t n = to - from;

	backing_remove(lib, t->offset + 8 + 4 * (t->buckets + (size_t)from), 4 * n);
	backing_remove(lib, lib->at.dynsym + from * sizeof(Elf64_Sym), n * sizeof(Elf64_Sym));
	backing_remove(lib, lib->at.gnu_hash + (GNU_WORDS + (size_t)from) * 4, 4 * n);
	if (lib->version_count)
		backing_remove(lib, lib->at.versym + 2 * (size_t)from, 2 * n);
}

const struct hash_table *hash_visible(const struct library *lib)
{
	return lib->hash.phase == HASH_SWITCHED ? &lib->hash.next : &lib->hash.now;
}

int hash_init(struct library *lib)
{
	uint32_t *gnu = gnu_words(lib);
	struct hash *h = &lib->hash;

	h->now = (struct hash_table){
		.words = (uint32_t *)(lib->alias + lib->at.hash[0]),
		.offset = lib->at.hash[0],
		.buckets = HASH_FIRST,
	};
	if (hash_back(lib, 0, 1) != 0)
		return -1;
	h->grown_at = HASH_FIRST;
	h->now.words[0] = HASH_FIRST;
	h->now.words[1] = 1;
	/* One bucket; symbols from 1 on; a filter that lets all names pass. */
	gnu[0] = gnu[1] = gnu[2] = 1;
	memset(&gnu[4], 0xff, 8);
	return 0;
}

void hash_set_slots(struct library *lib, uint32_t slots)
{
	uint32_t *gnu = gnu_words(lib), old = lib->symbols.slots;

	if (slots > 1)
		gnu[GNU_WORDS - 1 + slots - 1] |= 1;
	if (old > 1 && old < slots)
		gnu[GNU_WORDS - 1 + old - 1] &= ~1u;
	gnu[GNU_WORDS - 1] = slots > 1;
	lib->symbols.slots = slots;
	store(&lib->hash.now.words[1], slots);
	if (lib->hash.phase != HASH_STEADY)
		store(&lib->hash.next.words[1], slots);
}

void hash_insert(struct library *lib, uint32_t slot)
{
	const Elf64_Sym *sym = (const Elf64_Sym *)(lib->alias + lib->at.dynsym) + slot;
	const char *name = lib->alias + lib->at.dynstr + sym->st_name;
	struct hash_table *now = &lib->hash.now, *next = &lib->hash.next;
	uint32_t h = lib->symbols.side[slot].hash, i = h % now->buckets;
	uint32_t last = 0, follower = *bucket(now, i), *up;
	uint32_t *gnu = &gnu_words(lib)[GNU_WORDS - 1 + slot];

	*gnu = (*gnu & 1) | (gnu_hash_of(name) & ~1u);
	while (follower && before(lib->symbols.side[follower].hash, h)) {
		last = follower;
		follower = *chain(now, follower);
	}
	*chain(now, slot) = follower;
	if (lib->hash.phase == HASH_STEADY) {
		store(last ? chain(now, last) : bucket(now, i), slot);
		return;
	}
	*chain(next, slot) = follower;
	store(last ? chain(now, last) : bucket(now, i), slot);
	store(last ? chain(next, last) : bucket(next, i), slot);
	if (!goes_up(lib, slot, now->buckets))
		return;
	up = bucket(next, i + now->buckets);
	if (*up == follower)
		store(up, slot);
}

void hash_remove(struct library *lib, uint32_t slot)
{
	struct hash_table *now = &lib->hash.now, *next = &lib->hash.next;
	uint32_t h = lib->symbols.side[slot].hash, i = h % now->buckets;
	uint32_t last = 0, at = *bucket(now, i), follower = *chain(now, slot), *up;
	uint32_t *gnu = &gnu_words(lib)[GNU_WORDS - 1 + slot];

	*gnu &= 1;
	while (at != slot) {
		last = at;
		at = *chain(now, at);
	}
	store(last ? chain(now, last) : bucket(now, i), follower);
	if (lib->hash.phase == HASH_STEADY)
		return;
	store(last ? chain(next, last) : bucket(next, i), follower);
	up = bucket(next, i + now->buckets);
	if (*up == slot)
		store(up, follower);
}

uint32_t hash_next(const struct library *lib, uint32_t slot)
{
	uint32_t h = lib->symbols.side[slot].hash;

	do
		slot = *chain(&lib->hash.now, slot);
	while (slot && lib->symbols.side[slot].hash != h);
	return slot;
}

uint32_t hash_first(const struct library *lib, uint32_t hash)
{
	uint32_t slot = *bucket(&lib->hash.now, hash % lib->hash.now.buckets);

	while (slot && lib->symbols.side[slot].hash != hash)
		slot = *chain(&lib->hash.now, slot);
	return slot;
}

/* --- growth -------------------------------------------------------------------- */

bool hash_wants_step(const struct library *lib)
{
	return lib->hash.phase != HASH_STEADY ||
	       (lib->symbols.live > lib->hash.grown_at && lib->map_nbuckets);
}

static void begin(struct library *lib)
{
	struct hash_table *now = &lib->hash.now, *next = &lib->hash.next;
	uint32_t n = now->buckets, slots = lib->symbols.slots_backed;

	if (n >= lib->symbols.limit) {
		lib->hash.grown_at = UINT32_MAX;
		return;
	}
	next->offset = lib->at.hash[now->offset == lib->at.hash[0]];
	next->words = (uint32_t *)(lib->alias + next->offset);
	next->buckets = 2 * n;
	if (back_table(lib, next, 0, slots) != 0) {
		/* No space: a longer chain will do for some time. */
		lib->hash.grown_at += lib->hash.grown_at / 4;
		return;
	}
	next->words[0] = 2 * n;
	next->words[1] = now->words[1];
	memcpy(bucket(next, 0), bucket(now, 0), n * sizeof(uint32_t));
	memcpy(chain(next, 0), chain(now, 0), slots * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = *bucket(now, i);

		while (slot && !goes_up(lib, slot, n))
			slot = *chain(now, slot);
		*bucket(next, i + n) = slot;
	}
	__atomic_store_n(lib->map_chain,
			 (const uint32_t *)(lib->base + next->offset) + 2 + 2 * n,
			 __ATOMIC_RELEASE);
	__atomic_store_n(lib->map_buckets, (const uint32_t *)(lib->base + next->offset) + 2,
			 __ATOMIC_RELEASE);
	lib->hash.phase = HASH_BOTH;
}

static void cut(struct library *lib)
{
	struct hash_table old = lib->hash.now, *t = &lib->hash.next;
	uint32_t n = old.buckets;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t *link = bucket(t, i);

		while (*link && !goes_up(lib, *link, n))
			link = chain(t, *link);
		store(link, 0);
	}
	lib->hash.now = *t;
	lib->hash.phase = HASH_STEADY;
	lib->hash.grown_at = 2 * n;
	backing_remove(lib, old.offset,
		       pages_up(8 + 4 * ((size_t)n + lib->symbols.slots_backed)));
}

void hash_step(struct library *lib)
{
	switch (lib->hash.phase) {
	case HASH_STEADY:
		if (hash_wants_step(lib))
			begin(lib);
		break;
	case HASH_BOTH:
		__atomic_store_n(lib->map_nbuckets, lib->hash.next.buckets, __ATOMIC_RELEASE);
		lib->hash.phase = HASH_SWITCHED;
		sections_update_hash(lib, &lib->hash.next);
		break;
	case HASH_SWITCHED: cut(lib); break;
	}
}
