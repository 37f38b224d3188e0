/* Panics that end a call and not the process (RTLD_PANIC_RETURN), and those of package
 * inits.
 *
 * Exports of a guest so opened reach Go through entry/host/panic.c: go.c leads
 * their crosscall2 there.  The last texts are kept for goaudit_last_panic. */
#ifndef GOAUDIT_ADAPTER_GO_PANIC_H
#define GOAUDIT_ADAPTER_GO_PANIC_H

#include <stddef.h>
#include <stdint.h>

struct adapters;

/* Makes the entry ready for guests that are loaded from now on.  The Go runtime
 * runs.  Returns 0, or -1 with dlerror set.  Without locks. */
int panic_prepare(struct adapters *ad, const char *guest_path);

/* A package init has panicked: logs the text that the runtime has mapped (go_init.stack) and
 * keeps it as this thread's last one.  0: there is none.  Without locks. */
void panic_of_init(struct adapters *ad, const char *guest_path, uint64_t stack);

/* What crosscall2 is to be in guests that return from panics. */
void *panic_entry(void);

/* See goaudit_last_panic. */
size_t panic_last(struct adapters *ad, char *text, size_t size);

#endif
