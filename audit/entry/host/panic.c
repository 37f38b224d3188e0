/* In libgoaudit-entries.so: what the exports of a guest call in place of
 * crosscall2 when a panic is to end the call only (adapter/go/panic.h).  It lies in the
 * host's namespace, so that debuggers can unwind through it.  No libc here. */
#include "../panic_calls.h"

#include "../../go/protocol.h"

struct panic_calls goaudit_guard_calls;

/* The number of this thread's last panic, 0 before the first one.  A new thread has
 * 0, whatever thread has had its number or its address before. */
static __thread uint64_t last __attribute__((tls_model("initial-exec")));

uint64_t goaudit_guard_last(void);
void goaudit_guard_set(uint64_t number);
void goaudit_guard(void *fn, void *frame, int size, uintptr_t context);

void goaudit_guard(void *fn, void *frame, int size, uintptr_t context)
{
	struct go_guard g = {
		.size = sizeof g,
		.fn = (uintptr_t)fn,
		.arg = (uintptr_t)frame,
	};

	(void)size;
	goaudit_guard_calls.crosscall2(goaudit_guard_calls.guard, &g, 0, context);
	if (g.panic)
		last = goaudit_guard_calls.panicked(g.panic);
}

uint64_t goaudit_guard_last(void)
{
	return last;
}

void goaudit_guard_set(uint64_t number)
{
	last = number;
}
