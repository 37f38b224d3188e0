/* The machine code that entries are made of, and its unwind tables: one file a machine. */
#ifndef GOAUDIT_ENTRY_CODE_H
#define GOAUDIT_ENTRY_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "dlbind.h"

struct call_count;
struct entrylib_data;
struct target_table;

/* How many bytes the registers take that an entry saves when it enlists a thread; 0:
 * this machine cannot. */
size_t arch_saved_registers(void);

/* The length of an entry of a guest's function (entry.h), a multiple of 32. */
size_t arch_entry_size(void);

/* Writes the entry that will stand at `address`, to `to`.
 *
 *   table   where the guest's table is pointed to; it and data within 2 GB of it
 *   block   where a thread's block is pointed to, from the thread pointer
 *   target  offset in the table */
void arch_write_entry(char *to, uintptr_t address, const struct entrylib_data *data,
		      struct target_table *const *table, int32_t block, uint32_t target);

/* Writes unwind tables (LSB, .eh_frame) for n entries from `address` on, with their
 * personality routine.  Returns their size, at most 64 + 32 n. */
size_t arch_write_entry_frames(unsigned char *to, uintptr_t address, unsigned n,
			       const void *personality);

/* Where an entry counts a call that has got to `offset` in its code, with its frame's
 * stack pointer `sp`; NULL: it is not where it has called the function. */
struct call_count *arch_entry_calls(size_t offset, uintptr_t sp);

#endif
