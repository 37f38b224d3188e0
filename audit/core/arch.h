/* What depends on the machine and is the module's alone; the rest is in
 * dlbind/machine.h.  x86-64 is the only one so far: another one has files beside each
 * *_x86_64.[chS], and a branch below (HACKING says which). */
#ifndef GOAUDIT_CORE_ARCH_H
#define GOAUDIT_CORE_ARCH_H

#include <stdint.h>

#include "goaudit.h"

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

/* Calls fn(a, b, c) so that it appears to be called from the object that
 * ret_insn, the address of a return instruction, lies in. */
uint64_t arch_call_as(void *fn, const void *a, uint64_t b, uint64_t c, const void *ret_insn);

struct arch_call {
	void *(*function)(void *);
	void *arg;
};

struct arch_start {
	struct arch_call (*begin)(void *start);
	void *(*function)(void *); /* for `begin` alone */
	void *arg;
};

/* For pthread_create, with a struct arch_start: calls `begin` with it, and goes on to the
 * function that it returns, without a frame of ours: the thread may be cancelled there. */
void *arch_start(void *start);

#endif
