#include "entry/wide.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../dlbind/machine.h"
#include "core/arch.h"
#include "core/arguments.h"
#include "core/cancel.h"
#include "core/layout.h"
#include "core/log.h"
#include "core/rows.h"
#include "dlbind.h"
#include "entry/entries.h"
#include "goaudit.h"
#include "loader/elf.h"
#include "loader/loader.h"

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

/* What must be left below a frame that is passed whole. */
#define ROOM 65536

/* What entries call has no argument of ours. */
static const struct entries *known;

static int one_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct found *at = arg;
	uintptr_t place = (uintptr_t)at->lo, lo = UINTPTR_MAX, hi = 0;

	(void)size;
	at->table = NULL;
	for (const ElfW(Phdr) *ph = info->dlpi_phdr, *end = ph + info->dlpi_phnum; ph < end;
	     ph++) {
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && start < lo)
			lo = start;
		if (ph->p_type == PT_LOAD && start + ph->p_memsz > hi)
			hi = start + ph->p_memsz;
		if (ph->p_type == PT_GNU_EH_FRAME)
			at->table = (void *)start;
	}
	if (place - lo >= hi - lo)
		return 0;
	at->lo = (void *)lo;
	at->hi = (void *)hi;
	return 1;
}

/* Before 2.35 by dl_iterate_phdr, as exceptions do there.  It takes ld.so's write lock,
 * which is recursive. */
static bool find_object(const struct entries *es, uintptr_t place, struct found *at)
{
	const struct wide *wide = &es->wide;

	if (wide->find_object)
		return wide->find_object((void *)place, at) == 0;
	at->lo = (void *)place;
	return wide->iterate && arch_call_as(wide->iterate, (const void *)one_object,
					     (uintptr_t)at, 0, es->loader->base_ret) == 1;
}

/* The frame of the caller that a return address lies in, as in WIDE_FRAMES.  Called by
 * goaudit_entry_wide where it does not know; it may interrupt anything, so it takes no
 * lock, as _dl_find_object (elf/dl-find_object.c) takes none. */
static uint64_t frame_of(uint64_t unused, uintptr_t back)
{
	const struct wide *wide = &known->wide;
	uint64_t frame = 0;
	struct rows_image image;
	struct found at = { 0 };
	struct rows rows;
	CANCEL_OFF();

	(void)unused;
	if (find_object(known, back - 1, &at) && at.table) {
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
	if (!frame)
		log_line(known->core,
			 "a call from %#lx passes %u bytes of the stack: its code has no "
			 "unwind tables that tell how large its frame is",
			 (unsigned long)back, WIDE_PLAIN * 8);
	if (back >> WIDE_BITS_SEEN == 0)
		__atomic_store_n(&wide->frames[back % WIDE_FRAMES],
				 back / WIDE_FRAMES << WIDE_SHIFT | frame, __ATOMIC_RELAXED);
	return frame;
}

/* How many words of a large frame are passed: all, where there is room for them on the
 * stack.  As goaudit_entry_copy, it has the kernel look whether a page can be read; that
 * makes the first thread's stack grow. */
static uint64_t room_for(uint64_t words, uintptr_t back)
{
	static uintptr_t said;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t end = here - words * 8 - ROOM;
	CANCEL_OFF();

	for (uintptr_t at = here & -MACHINE_PAGE; at > end; at -= MACHINE_PAGE) {
		if (syscall(SYS_rt_sigprocmask, -1, at, NULL, 8) == 0 || errno != EFAULT)
			continue;
		if (__atomic_exchange_n(&said, back, __ATOMIC_RELAXED) != back)
			log_line(known->core,
				 "a call from %#lx passes %u bytes of the stack, not all of "
				 "its frame of %lu: there is no room for that",
				 (unsigned long)back, WIDE_PLAIN * 8, (unsigned long)words * 8);
		return WIDE_PLAIN;
	}
	return words;
}

void wide_init(struct entries *es, const struct link_map *library)
{
	struct wide *wide = &es->wide;

	known = es;
	wide->find_object =
		(int (*)(const void *, void *))dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (es->loader->libc)
		wide->iterate = elf_lookup(es->loader->libc, "dl_iterate_phdr");
	wide->frames = elf_lookup(library, "goaudit_entry_frames");
	wide->entry = elf_lookup(library, "goaudit_entry_wide");
	*(void **)elf_lookup(library, "goaudit_entry_frame") = frame_of;
	*(void **)elf_lookup(library, "goaudit_entry_room") = room_for;
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
