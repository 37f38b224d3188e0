/* What depends on the machine and is the module's alone; the rest is in
 * dlbind/machine.h.  x86-64 is the only one so far: another one is another arch_*.S and
 * another branch of the table below. */
#ifndef GOAUDIT_ARCH_H
#define GOAUDIT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined __x86_64__

/* Tells threads apart, also across namespaces, where pthread_self differs.  (gcc
 * has a builtin for it from release 11 on.) */
static inline void *arch_thread_pointer(void)
{
	void *self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
}

#else
#error "goaudit has been written for x86-64 only"
#endif

/* Answer of a decide_* function: what the entry in arch_*.S is to do. */
struct decision {
	uint64_t ours;		/* 0: jump to the real function */
	uint64_t value;		/* otherwise: return this */
};

/* Calls fn(a, b, c) so that it appears to be called from the object that
 * ret_insn, the address of a return instruction, lies in. */
uint64_t arch_call_as(void *fn, const void *a, uint64_t b, uint64_t c,
		      const void *ret_insn);

/* How many bytes the registers take that an entry saves when it enlists a thread; 0:
 * this machine cannot. */
size_t arch_saved_registers(void);

struct gate_cell;

/* The length of an entry of a guest's function (gate.h), a multiple of 32. */
size_t arch_entry_size(void);

/* Writes the entry that will stand at `address`, to `to`.
 *
 *   cell    within 2 GB of it
 *   block   where a thread's block is pointed to, from the thread pointer
 *   target  offset in the table */
void arch_write_entry(char *to, uintptr_t address, const struct gate_cell *cell,
		      int32_t block, uint32_t target);

/* Writes unwind tables (LSB, .eh_frame) for n entries from `address` on, with their
 * personality routine.  Returns their size, at most 64 + 32 n. */
size_t arch_write_entry_frames(unsigned char *to, uintptr_t address, unsigned n,
			       const void *personality);

struct gate_calls;

/* Where an entry counts a call that has got to `offset` in its code, with its frame's
 * stack pointer `sp`; NULL: it is not where it has called the function. */
struct gate_calls *arch_entry_calls(size_t offset, uintptr_t sp);

extern char entry_dlopen[], entry_dlmopen[], entry_dlclose[], entry_dlsym[],
	entry_dlvsym[];

#endif
