/* Names.
 *
 * A symbol keeps its slot in .dynsym and its place in .dynstr as long as it is
 * bound, and until a grace period after: a lookup may still be looking at them.
 * Its first eight bytes (name, binding, section) are stored at once, so that a
 * reader sees all of an entry or none. */
#include "symbols.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "backing.h"
#include "error.h"
#include "hash.h"
#include "publish.h"
#include "sections.h"

/* So many unbound names are worth a grace period. */
#define RETIRED_MIN 1024

union first_word {
	struct {
		uint32_t name;
		unsigned char info, other;
		uint16_t section;
	};
	uint64_t word;
};

static Elf64_Sym *entry(const struct library *lib, uint32_t slot)
{
	return (Elf64_Sym *)(lib->alias + lib->at.dynsym) + slot;
}

static char *string(const struct library *lib, uint32_t offset)
{
	return lib->alias + lib->at.dynstr + offset;
}

static uint16_t *version_of(const struct library *lib, uint32_t slot)
{
	return (uint16_t *)(lib->alias + lib->at.versym) + slot;
}

/* No one's symbol.  It is not local, for locals have to come first in a symbol
 * table; ld.so and tools pass over it because it is undefined and hidden. */
static const union first_word nobody = {
	.info = ELF64_ST_INFO(STB_WEAK, STT_NOTYPE),
	.other = STV_HIDDEN,
	.section = SHN_UNDEF,
};

static void store_first(Elf64_Sym *sym, union first_word w)
{
	__atomic_store_n((uint64_t *)sym, w.word, __ATOMIC_RELEASE);
}

/* --- strings --------------------------------------------------------------------- */

/* Steps of 4 bytes up to 256, then powers of two. */
static unsigned class_of(size_t bytes, uint32_t *rounded)
{
	unsigned log;

	if (bytes <= 256) {
		*rounded = (bytes + 3) & ~3u;
		return *rounded / 4 - 1;
	}
	log = 32 - __builtin_clz(bytes - 1);
	*rounded = 1u << log;
	return 64 + log - 9;
}

int symbols_back_strings(struct library *lib, uint32_t end)
{
	struct symbols *s = &lib->symbols;
	size_t more = pages_up(end + s->strings_backed / 8);

	if (end <= s->strings_backed)
		return 0;
	if (more > s->strings_limit)
		more = s->strings_limit;
	if (backing_add(lib, lib->at.dynstr + s->strings_backed, more - s->strings_backed) != 0)
		return -1;
	s->strings_backed = more;
	return 0;
}

/* 0 with the error set on failure. */
static uint32_t string_alloc(struct library *lib, const char *name, size_t size)
{
	struct symbols *s = &lib->symbols;
	uint32_t rounded, at;
	unsigned class;

	if (size > s->strings_limit / 2) {
		error_set(ENOMEM,
			  "%s: a name of %zu bytes is too long: create it with a "
			  "larger max_names",
			  lib->name, size);
		return 0;
	}
	class = class_of(size, &rounded);
	at = s->strings_free[class];
	if (at) {
		memcpy(&s->strings_free[class], string(lib, at), 4);
	} else {
		at = (s->strings_top + 3) & ~3u;
		if (rounded > s->strings_limit - at) {
			error_set(ENOMEM,
				  "%s: no room for more names: create it with a "
				  "larger max_names",
				  lib->name);
			return 0;
		}
		if (symbols_back_strings(lib, at + rounded) != 0)
			return 0;
		s->strings_top = at + rounded;
	}
	memcpy(string(lib, at), name, size);
	return at;
}

static void string_free(struct library *lib, uint32_t at)
{
	struct symbols *s = &lib->symbols;
	uint32_t rounded;
	unsigned class = class_of(strlen(string(lib, at)) + 1, &rounded);

	memcpy(string(lib, at), &s->strings_free[class], 4);
	s->strings_free[class] = at;
}

static int grow_side(struct library *lib, uint32_t slots)
{
	struct symbols *s = &lib->symbols;
	uint32_t size = s->side_size ? s->side_size + s->side_size / 2 : 64;
	struct symbol *side;

	if (slots <= s->side_size)
		return 0;
	side = realloc(s->side, size * sizeof *side);
	if (!side)
		return error_set(ENOMEM, "%s: no memory to bind names: unbind some", lib->name);
	s->side = side;
	s->side_size = size;
	return 0;
}

/* Slot 0 is no symbol's; offset 0 of the strings is the empty one. */
int symbols_init(struct library *lib)
{
	lib->symbols.slots = lib->symbols.slots_backed = 1;
	lib->symbols.strings_top = 1;
	return grow_side(lib, 1);
}

/* --- slots ------------------------------------------------------------------------- */

static int grow_backing(struct library *lib, uint32_t slots)
{
	struct symbols *s = &lib->symbols;
	uint64_t more = (uint64_t)slots + slots / 8 + 32;

	if (slots <= s->slots_backed)
		return 0;
	if (more > s->limit)
		more = s->limit;
	if (hash_back(lib, s->slots_backed, more) != 0)
		return -1;
	s->slots_backed = more;
	return 0;
}

/* A slot that is free, or would be the next; 0 with the error set.  It is not
 * taken yet. */
static uint32_t find_slot(struct library *lib)
{
	struct symbols *s = &lib->symbols;
	size_t slot = bits_next(&s->free, 1);

	if (slot != BITS_NONE)
		return slot;
	if (s->slots >= s->limit) {
		error_set(ENOMEM,
			  "%s: it has as many names as it can: create it with a "
			  "larger max_symbols",
			  lib->name);
		return 0;
	}
	if (grow_side(lib, s->slots + 1) != 0 || grow_backing(lib, s->slots + 1) != 0)
		return 0;
	return s->slots;
}

/* --- the index by address ------------------------------------------------------------ */

static uint32_t *head_at(const struct symbols *s, uint64_t value)
{
	return &s->heads[(uint32_t)(value / GRANULE) * 2654435761u >>
			 (32 - __builtin_ctz(s->heads_size))];
}

static int grow_heads(struct library *lib)
{
	struct symbols *s = &lib->symbols, bigger = *s;

	if (s->live < s->heads_size)
		return 0;
	bigger.heads_size = s->heads_size ? 2 * s->heads_size : 64;
	bigger.heads = calloc(bigger.heads_size, sizeof *bigger.heads);
	if (!bigger.heads)
		return s->heads ? 0 :
				  error_set(ENOMEM,
					    "%s: no memory to bind names: free "
					    "some",
					    lib->name);
	for (uint32_t i = 0; i < s->heads_size; i++)
		for (uint32_t slot = s->heads[i], next; slot; slot = next) {
			uint32_t *head = head_at(&bigger, entry(lib, slot)->st_value);

			next = s->side[slot].next;
			s->side[slot].next = *head;
			*head = slot;
		}
	free(s->heads);
	s->heads = bigger.heads;
	s->heads_size = bigger.heads_size;
	return 0;
}

static struct arena *arena_of(struct library *lib, uint64_t value)
{
	return value >= lib->at.data   ? &lib->arenas[ARENA_DATA] :
	       value >= lib->at.rodata ? &lib->arenas[ARENA_RODATA] :
					 &lib->arenas[ARENA_TEXT];
}

static uint32_t granule_of(const struct arena *a, uint64_t value)
{
	return (value - (a->base - a->library->base)) / GRANULE;
}

static void address_insert(struct library *lib, uint32_t slot)
{
	uint64_t value = entry(lib, slot)->st_value;
	uint32_t *head = head_at(&lib->symbols, value);
	struct arena *a = arena_of(lib, value);

	lib->symbols.side[slot].next = *head;
	*head = slot;
	bits_set(&a->names, granule_of(a, value));
}

static void address_remove(struct library *lib, uint32_t slot)
{
	uint64_t value = entry(lib, slot)->st_value, granule = value / GRANULE;
	uint32_t *link = head_at(&lib->symbols, value);
	struct arena *a = arena_of(lib, value);
	bool others = false;

	while (*link) {
		if (*link == slot) {
			*link = lib->symbols.side[slot].next;
			continue;
		}
		others |= entry(lib, *link)->st_value / GRANULE == granule;
		link = &lib->symbols.side[*link].next;
	}
	if (!others)
		bits_clear(&a->names, granule_of(a, value));
}

bool symbols_in(struct arena *a, uint32_t start, uint32_t end)
{
	size_t g = bits_next(&a->names, start);

	return g != BITS_NONE && g < end;
}

/* As dladdr: the last one that starts at or before the address and covers it;
 * of those that start together, the first in the table. */
static uint32_t best_in_granule(struct library *lib, uint64_t granule, uint64_t value)
{
	const struct symbols *s = &lib->symbols;
	uint32_t best = 0;

	for (uint32_t slot = *head_at(s, granule * GRANULE); slot; slot = s->side[slot].next) {
		const Elf64_Sym *sym = entry(lib, slot), *b = entry(lib, best);

		if (sym->st_value / GRANULE != granule || value < sym->st_value ||
		    (value - sym->st_value >= sym->st_size &&
		     (sym->st_size || value != sym->st_value)))
			continue;
		if (!best || sym->st_value > b->st_value ||
		    (sym->st_value == b->st_value && slot < best))
			best = slot;
	}
	return best;
}

bool symbols_at(struct arena *a, uintptr_t address, Elf64_Sym *found)
{
	struct library *lib = a->library;
	uint64_t value = address - lib->base, shift = (a->base - lib->base) / GRANULE;
	uint32_t start, granules, slot;
	size_t g;

	if (!arena_block(a, address, &start, &granules) || !lib->symbols.heads)
		return false;
	g = bits_prev(&a->names, value / GRANULE - shift);
	while (g != BITS_NONE && g >= start) {
		slot = best_in_granule(lib, g + shift, value);
		if (slot) {
			*found = *entry(lib, slot);
			return true;
		}
		g = g ? bits_prev(&a->names, g - 1) : BITS_NONE;
	}
	return false;
}

/* --- bind and unbind ------------------------------------------------------------------- */

static int version_index(const struct library *lib, const char *version)
{
	if (!version)
		return 1; /* VER_NDX_GLOBAL */
	for (unsigned i = 0; i < lib->version_count; i++)
		if (strcmp(string(lib, lib->versions[i].name), version) == 0)
			return i + 2;
	return error_set(EINVAL,
			 "%s: it has no version %s: name it in "
			 "dlbind_options.versions",
			 lib->name, version);
}

static uint32_t find(const struct library *lib, const char *name, uint32_t hash, int version)
{
	for (uint32_t slot = hash_first(lib, hash); slot; slot = hash_next(lib, slot))
		if (strcmp(string(lib, entry(lib, slot)->st_name), name) == 0 &&
		    (!lib->version_count || (*version_of(lib, slot) & 0x7fff) == version))
			return slot;
	return 0;
}

static int check(const struct library *lib, const struct dlbind_symbol *s)
{
	if (!s->name || !s->name[0])
		return error_set(EINVAL, "%s: a name is empty: give it one", lib->name);
	if (s->type == STT_TLS)
		return error_set(ENOTSUP,
				 "%s: thread-local symbols cannot be bound: "
				 "bind a function that returns the address",
				 s->name);
	if (s->type != STT_NOTYPE && s->type != STT_OBJECT && s->type != STT_FUNC &&
	    s->type != STT_GNU_IFUNC)
		return error_set(EINVAL,
				 "%s: a symbol of type %u cannot be bound: give "
				 "STT_FUNC, STT_OBJECT, STT_NOTYPE or STT_GNU_IFUNC",
				 s->name, s->type);
	return 0;
}

/* The block that it lies in; its code is sealed. */
static struct arena *check_place(struct library *lib, const struct dlbind_symbol *s)
{
	uintptr_t at = (uintptr_t)s->object;
	uint32_t start, granules;

	for (int kind = ARENA_TEXT; kind <= ARENA_DATA; kind++) {
		struct arena *a = &lib->arenas[kind];

		if (!arena_block(a, at, &start, &granules))
			continue;
		if (s->size > a->base + ((uintptr_t)start + granules) * GRANULE - at) {
			error_set(EINVAL,
				  "%s: %zu bytes go beyond its block: allocate a "
				  "larger one",
				  s->name, s->size);
			return NULL;
		}
		if (kind == ARENA_TEXT && publish_seal(a, start, granules, at, s->size) != 0)
			return NULL;
		return a;
	}
	error_set(EINVAL, "%s: %p is not in a block of %s: allocate it with dlalloc", s->name,
		  s->object, lib->name);
	return NULL;
}

static void write_symbol(struct library *lib, const struct dlbind_symbol *s, uint32_t slot,
			 uint32_t name, int version, const struct arena *a)
{
	union first_word w = {
		.name = name,
		.info = ELF64_ST_INFO(s->weak ? STB_WEAK : STB_GLOBAL, s->type),
		.section = sections_index(a->kind),
	};
	Elf64_Sym *sym = entry(lib, slot);

	sym->st_value = (uintptr_t)s->object - lib->base;
	sym->st_size = s->size;
	if (lib->version_count)
		*version_of(lib, slot) = version | (s->hidden ? 0x8000 : 0);
	store_first(sym, w);
}

int symbols_bind(struct library *lib, const struct dlbind_symbol *s)
{
	struct symbols *y = &lib->symbols;
	uint32_t hash, slot, name;
	struct arena *a;
	int version;

	if (check(lib, s) != 0 || (version = version_index(lib, s->version)) < 0)
		return -1;
	hash = hash_of(s->name);
	if (find(lib, s->name, hash, version))
		return error_set(EEXIST, "%s: it is bound in %s: unbind it first", s->name,
				 lib->name);
	slot = find_slot(lib);
	if (!slot || grow_heads(lib) != 0 || !(a = check_place(lib, s)))
		return -1;
	name = string_alloc(lib, s->name, strlen(s->name) + 1);
	if (!name)
		return -1;
	y->side[slot].hash = hash;
	write_symbol(lib, s, slot, name, version, a);
	if (slot == y->slots)
		hash_set_slots(lib, slot + 1);
	else
		bits_clear(&y->free, slot);
	hash_insert(lib, slot);
	address_insert(lib, slot);
	y->live++;
	lib->changed = true;
	sections_update_symbols(lib, hash_visible(lib));
	return 0;
}

int symbols_unbind(struct library *lib, const char *name, const char *version)
{
	struct symbols *s = &lib->symbols;
	int index = version_index(lib, version);
	union first_word w = nobody;
	uint32_t slot;

	if (index < 0)
		return -1;
	slot = name ? find(lib, name, hash_of(name), index) : 0;
	if (!slot)
		return error_set(ENOENT, "%s: it is not bound in %s: nothing to unbind",
				 name ? name : "(null)", lib->name);
	hash_remove(lib, slot);
	address_remove(lib, slot);
	/* Who has found it already still reads its name and value. */
	w.name = entry(lib, slot)->st_name;
	store_first(entry(lib, slot), w);
	s->side[slot].next = s->retired;
	s->retired = slot;
	s->retired_count++;
	s->live--;
	lib->changed = true;
	return 0;
}

/* --- after a grace period ------------------------------------------------------------------ */

bool symbols_want_grace(const struct library *lib)
{
	const struct symbols *s = &lib->symbols;

	return s->waiting || s->retired_count > RETIRED_MIN + s->live / 8;
}

void symbols_begin_grace(struct library *lib)
{
	struct symbols *s = &lib->symbols;

	if (s->waiting)
		return; /* one has failed */
	s->waiting = s->retired;
	s->retired = s->retired_count = 0;
}

/* Slots and strings at the end that are free are given back. */
static void trim(struct library *lib)
{
	struct symbols *s = &lib->symbols;
	uint32_t slots = s->slots, keep, first;

	while (slots > 1 && bits_test(&s->free, slots - 1))
		bits_clear(&s->free, --slots);
	if (slots != s->slots)
		hash_set_slots(lib, slots);
	keep = slots + slots / 2 + 64;
	if (keep < s->slots_backed / 2 && lib->hash.phase == HASH_STEADY) {
		hash_unback(lib, keep, s->slots_backed);
		s->slots_backed = keep;
	}
	if (slots == 1) {
		memset(s->strings_free, 0, sizeof s->strings_free);
		s->strings_top = s->strings_first;
		first = pages_up(s->strings_first);
		if (first < s->strings_backed) {
			backing_remove(lib, lib->at.dynstr + first, s->strings_backed - first);
			s->strings_backed = first;
		}
	}
	sections_update_symbols(lib, hash_visible(lib));
}

void symbols_end_grace(struct library *lib)
{
	struct symbols *s = &lib->symbols;

	for (uint32_t slot = s->waiting; slot; slot = s->side[slot].next) {
		Elf64_Sym *sym = entry(lib, slot);

		string_free(lib, sym->st_name);
		store_first(sym, nobody);
		sym->st_value = sym->st_size = 0;
		if (lib->version_count)
			*version_of(lib, slot) = 0;
		bits_set(&s->free, slot);
	}
	s->waiting = 0;
	trim(lib);
}
