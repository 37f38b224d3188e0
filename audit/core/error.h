/* dlerror texts of ours.
 *
 * The host's libc keeps the text of its last failure per thread and offers no
 * way to set it.  So dlerror is intercepted too: a text of ours, set for a
 * thread, is what its next dlerror returns; any later dl* call of ours on that
 * thread that succeeds forgets it, as glibc does. */
#ifndef GOAUDIT_ERROR_H
#define GOAUDIT_ERROR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct goaudit;

#define ERROR_TEXT_MAX 1536

struct error_text {
	struct error_text *next;
	const void *thread;
	int tid;			/* an address may come to be another thread's */
	int shown;			/* returned by dlerror once: the next call frees it */
	char text[ERROR_TEXT_MAX];
};

/* For libdlbind's texts. */
struct error_place {
	struct error_place *next;
	const void *thread;
	int tid;
	_Alignas(max_align_t) char bytes[];
};

struct errors {
	pthread_mutex_t lock;		/* guards the lists */
	struct error_text *pending;
	struct error_place *places;	/* of threads that are gone, too */
};

/* Sets this thread's text, "subject: reason: what to do". */
void error_set(struct goaudit *ga, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Forgets it. */
void error_clear(struct goaudit *ga);

/* This thread's text, once; NULL if there is none.  Lives until the thread's
 * next dl* call. */
const char *error_take(struct goaudit *ga);

/* In a forked child, with errors.lock: its one thread, which was `tid` in the parent, has
 * another number now. */
void error_forked(struct goaudit *ga, int tid);

/* See dlbind_loader.thread_text; `size` is the same in all calls. */
void *error_place(struct goaudit *ga, size_t size, bool make);

#endif
