#include <cpuid.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/layout.h"
#include "dlbind.h"
#include "entry/entries.h"
#include "goaudit.h"

/* In entry_x86_64.S: the code, its length, and offsets in it; the first six are of
 * what follows a displacement of 32 bits. */
extern const unsigned char arch_entry_code[];
extern const struct arch_entry {
	uint32_t size, block, table, check, target, enlist, copy;
	uint32_t pushed, lowered, raised, popped;
} arch_entry;

size_t arch_saved_registers(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
	    !__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return 0;
	return b;
}

size_t arch_entry_size(void)
{
	return arch_entry.size;
}

static void put32(char *after, int64_t value)
{
	int32_t v = (int32_t)value;

	memcpy(after - sizeof v, &v, sizeof v);
}

void arch_write_entry(char *to, uintptr_t address, const struct entrylib_data *data,
		      struct target_table *const *at, int32_t block, uint32_t target)
{
	const struct arch_entry *e = &arch_entry;
	uintptr_t table = (uintptr_t)at, enlist = (uintptr_t)&data->enlist;
	uintptr_t copy = (uintptr_t)&data->copy;

	memcpy(to, arch_entry_code, e->size);
	put32(to + e->block, block);
	put32(to + e->table, table - (address + e->table));
	put32(to + e->check, table - (address + e->check));
	put32(to + e->target, target);
	put32(to + e->enlist, enlist - (address + e->enlist));
	put32(to + e->copy, copy - (address + e->copy));
}

/* --- unwind tables -------------------------------------------------------- */

#define CFA_ADVANCE1 0x02
#define CFA_OFFSET   0x0e

#define ENCODING 0x1c /* relative to the field, 8 bytes, signed */

#define PERSONALITY 18 /* where it stands, as it is */

static const unsigned char common[32] = {
	28, 0, 0, 0, 0, 0, 0, 0, 1, 'z',      'P',  'R', 0, 1,    0x78, 16, 10,
	0,  0, 0, 0, 0, 0, 0, 0, 0, ENCODING, 0x0c, 7,   8, 0x90, 1, /* CFA = rsp + 8, the return address below */
};

/* From `at` on, an offset in the code, the CFA is rsp + offset. */
static unsigned char *row(unsigned char *p, unsigned *at, unsigned next, unsigned offset)
{
	*p++ = CFA_ADVANCE1;
	*p++ = next - *at;
	*at = next;
	*p++ = CFA_OFFSET;
	if (offset >= 0x80)
		*p++ = 0x80 | (offset & 0x7f);
	*p++ = offset >= 0x80 ? offset >> 7 : offset;
	return p;
}

size_t arch_write_entry_frames(unsigned char *to, uintptr_t address, unsigned n,
			       const void *personality)
{
	const struct arch_entry *e = &arch_entry;
	unsigned char *start = to + sizeof common, *p = start + 8 + 16;
	const unsigned full = 16 + 8 * STACK_WORDS;
	uint64_t size = (uint64_t)n * e->size, pc;
	uint32_t length, cie;
	unsigned at = 0;

	memcpy(to, common, sizeof common);
	memcpy(to + PERSONALITY, &personality, sizeof personality);
	*p++ = 0; /* no augmentation data */
	for (unsigned i = 0; i < n; i++) {
		p = row(p, &at, i * e->size + e->pushed, 16);
		p = row(p, &at, i * e->size + e->lowered, full);
		p = row(p, &at, i * e->size + e->raised, 16);
		p = row(p, &at, i * e->size + e->popped, 8);
		p = row(p, &at, i * e->size + e->enlist, full);
		p = row(p, &at, (i + 1) * e->size, 8);
	}
	while ((p - to) % 8)
		*p++ = 0;
	length = p - start - 4;
	cie = start + 4 - to;
	pc = address - (uintptr_t)(start + 8);
	memcpy(start, &length, 4);
	memcpy(start + 4, &cie, 4);
	memcpy(start + 8, &pc, 8);
	memcpy(start + 16, &size, 8);
	return p - to;
}

struct call_count *arch_entry_calls(size_t offset, uintptr_t sp)
{
	if (offset != arch_entry.target)
		return NULL;
	return *(struct call_count **)(sp + 8 * STACK_WORDS);
}
