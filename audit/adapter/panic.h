/* Panics that end a call and not the process (RTLD_PANIC_RETURN).
 *
 * Exports of a guest so opened reach Go through base/guard.c: intercept.c points
 * their crosscall2 there.  The last texts are kept for goaudit_last_panic. */
#ifndef GOAUDIT_GUARD_H
#define GOAUDIT_GUARD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct goaudit;

#define GUARD_KEPT 64

struct guard {
	pthread_mutex_t lock;			/* of kept and count; a leaf */
	void *entry;				/* goaudit_guard; constant once set */
	uint64_t (*last)(void);			/* goaudit_guard_last; before entry */
	struct { uint64_t number; char *text; } kept[GUARD_KEPT];
	uint64_t count;				/* number of the last one, from 1 */
};

/* What base/guard.c calls; filled in before the first guest is loaded that goes
 * through it. */
struct guard_calls {
	void (*crosscall2)(void *fn, void *arg, int size, uintptr_t context);
	void *guard;			/* runtime.goauditGuard */
	uint64_t (*panicked)(uint64_t text);	/* go_guard.panic; returns its number */
};

/* Makes the entry ready for guests that are loaded from now on.  The Go runtime
 * runs.  Returns 0, or -1 with dlerror set.  Without locks. */
int guard_prepare(struct goaudit *ga, const char *guest_path);

/* See goaudit_last_panic. */
size_t guard_last(struct goaudit *ga, char *text, size_t size);

#endif
