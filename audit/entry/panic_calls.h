/* What entry/host/panic.c calls. */
#ifndef GOAUDIT_ENTRY_PANIC_CALLS_H
#define GOAUDIT_ENTRY_PANIC_CALLS_H

#include <stdint.h>

/* Filled in before the first guest is loaded that goes through it. */
struct panic_calls {
	void (*crosscall2)(void *fn, void *arg, int size, uintptr_t context);
	void *guard;                         /* runtime.goauditGuard */
	uint64_t (*panicked)(uint64_t text); /* go_guard.panic; returns its number */
};

#endif
