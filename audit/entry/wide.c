#include "entry/wide.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/arguments.h"
#include "core/cancel.h"
#include "core/layout.h"
#include "core/rows.h"
#include "dlbind.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "loader/elf.h"

#define STEPS 100000 /* of reading a function: under a millisecond */

/* entry/host/entries_x86_64.S */
_Static_assert(offsetof(struct target_table, wide) == WIDE_TABLE, "read there");
_Static_assert(offsetof(struct target_table, target) == WIDE_TARGETS, "read there");
_Static_assert(sizeof(struct wide_target) == 2 * sizeof(void *), "found there");

/* dlfcn.h's struct dl_find_object, which not all of its versions have. */
struct found {
	unsigned long long flags;
	void *lo, *hi;
	struct link_map *map;
	void *table; /* PT_GNU_EH_FRAME */
	unsigned long long reserved[10];
};

/* What entries call has no argument of ours. */
static const struct wide *known;

/* The frame of the caller that a return address lies in, as in WIDE_FRAMES.  Called by
 * goaudit_entry_wide where it does not know; it may interrupt anything, so it takes no
 * lock, as _dl_find_object (elf/dl-find_object.c) takes none. */
static uint64_t frame_of(uintptr_t back)
{
	const struct wide *wide = known;
	uint64_t frame = 0;
	struct rows_image image;
	struct found at = { 0 };
	struct rows rows;
	CANCEL_OFF();

	if (wide->find_object && wide->find_object((void *)(back - 1), &at) == 0 && at.table) {
		image.bytes = at.lo;
		image.size = (char *)at.hi - (char *)at.lo;
		image.table = (char *)at.table - (char *)at.lo;
		back -= (uintptr_t)at.lo;
		if (rows_find(&image, back - 1, &rows) && rows_at(&rows, back - 1) &&
		    rows.state.offset >= 0) {
			frame = rows.state.offset / 8;
			if (rows.state.base == ROWS_FRAME_POINTER)
				frame |= WIDE_FROM_FRAME;
			if (rows.state.base == ROWS_ABOVE_FRAME_POINTER)
				frame = WIDE_FROM_FRAME;
			if (rows.state.base == ROWS_UNKNOWN ||
			    rows.state.offset / 8 >= WIDE_FROM_FRAME)
				frame = 0;
		}
		back += (uintptr_t)at.lo;
	}
	if (back >> WIDE_BITS_SEEN == 0)
		__atomic_store_n(&wide->frames[back % WIDE_FRAMES],
				 back / WIDE_FRAMES << WIDE_SHIFT | frame, __ATOMIC_RELAXED);
	return frame;
}

void wide_init(struct wide *wide, const struct link_map *library)
{
	known = wide;
	wide->find_object =
		(int (*)(const void *, void *))dlsym(RTLD_DEFAULT, "_dl_find_object");
	wide->frames = elf_lookup(library, "goaudit_entry_frames");
	wide->entry = elf_lookup(library, "goaudit_entry_wide");
	*(void **)elf_lookup(library, "goaudit_entry_frame") = frame_of;
}

void wide_forget(const struct wide *wide)
{
	for (unsigned i = 0; wide->frames && i < WIDE_FRAMES; i++)
		if (__atomic_load_n(&wide->frames[i], __ATOMIC_RELAXED))
			__atomic_store_n(&wide->frames[i], 0, __ATOMIC_RELAXED);
}

int64_t wide_words(const struct link_map *map, const void *function)
{
	struct arguments args = { .kind = ARGUMENTS_UNKNOWN };
	struct rows_image image = { 0 };
	uint64_t left = STEPS;
	uintptr_t lo, hi;
	size_t n;
	const ElfW(Phdr) *ph = elf_phdrs(map, &n);

	if (!ph || !elf_range(map, &lo, &hi))
		return 0;
	image.bytes = (const unsigned char *)lo;
	image.size = hi - lo;
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			image.table = map->l_addr + ph[i].p_vaddr - lo;
	if (image.table)
		args = arguments_of(&image, (uintptr_t)function - lo, &left);
	if (args.kind != ARGUMENTS_COUNTED)
		return 0;
	return args.words > STACK_WORDS ? (int64_t)args.words : WIDE_NOT;
}

bool wide_aim(const struct wide *wide, struct target_table *t, uint32_t n, void *function,
	      int64_t words)
{
	struct wide_target *all;

	if (words == WIDE_NOT) {
		t->target[n] = function;
		return true;
	}
	if (!t->wide) {
		all = calloc((size_t)1 << t->size, sizeof *all);
		if (!all)
			return false;
		__atomic_store_n(&t->wide, all, __ATOMIC_RELEASE);
	}
	t->wide[n] = (struct wide_target){ function, words };
	__atomic_store_n(&t->target[n], (void *)wide->entry, __ATOMIC_RELEASE);
	return true;
}

void *wide_aimed(const struct wide *wide, const struct target_table *t, uint32_t n,
		 int64_t *words)
{
	void *target = __atomic_load_n(&t->target[n], __ATOMIC_ACQUIRE);
	bool is_wide = target && target == wide->entry;

	if (words)
		*words = is_wide ? (int64_t)t->wide[n].words : WIDE_NOT;
	return is_wide ? t->wide[n].function : target;
}
