/* dlerror texts of ours.
 *
 * The host's libc keeps the text of its last failure per thread and offers no
 * way to set it.  So dlerror is intercepted too: a text of ours, set for a
 * thread, is what its next dlerror returns; any later dl* call of ours on that
 * thread that succeeds forgets it, as glibc does. */
#ifndef GOAUDIT_CORE_ERROR_H
#define GOAUDIT_CORE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct core;

/* Sets this thread's text, "subject: reason: what to do". */
void error_set(struct core *core, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Forgets it. */
void error_clear(struct core *core);

/* This thread's text, once; NULL if there is none.  Lives until the thread's
 * next dl* call. */
const char *error_take(struct core *core);

/* Copies this thread's text, "" if there is none. */
void error_copy(struct core *core, char *to, size_t size);

/* In a forked child, with errors.lock: its one thread, which was `tid` in the parent, has
 * another number now. */
void error_forked(struct core *core, int tid);

/* See dlbind_loader.thread_text; `size` is the same in all calls. */
void *error_place(struct core *core, size_t size, bool make);

#endif
