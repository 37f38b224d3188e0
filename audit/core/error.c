#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arch.h"
#include "api/goaudit.h"

/* This thread's text; one that a dead thread has left at the same address is
 * dropped. */
static struct error_text **find(struct errors *e)
{
	const void *self = arch_thread_pointer();
	struct error_text **p = &e->pending, *left;

	while (*p && (*p)->thread != self)
		p = &(*p)->next;
	if (*p && (*p)->tid != gettid()) {
		left = *p;
		*p = left->next;
		free(left);
		return find(e);
	}
	return p;
}

void error_set(struct goaudit *ga, const char *format, ...)
{
	struct errors *e = &ga->errors;
	struct error_text *t;
	va_list ap;

	pthread_mutex_lock(&e->lock);
	t = *find(e);
	if (!t && (t = malloc(sizeof *t))) {
		t->thread = arch_thread_pointer();
		t->tid = gettid();
		t->next = e->pending;
		__atomic_store_n(&e->pending, t, __ATOMIC_RELEASE);
	}
	if (t) {
		t->shown = 0;
		va_start(ap, format);
		vsnprintf(t->text, sizeof t->text, format, ap);
		va_end(ap);
		goaudit_log(ga, "error: %s", t->text);
	}
	pthread_mutex_unlock(&e->lock);
}

void error_clear(struct goaudit *ga)
{
	struct errors *e = &ga->errors;
	struct error_text **p, *t;

	if (!__atomic_load_n(&e->pending, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&e->lock);
	p = find(e);
	t = *p;
	if (t)
		__atomic_store_n(p, t->next, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&e->lock);
	free(t);
}

const char *error_take(struct goaudit *ga)
{
	struct errors *e = &ga->errors;
	struct error_text *t;
	const char *text = NULL;

	if (!__atomic_load_n(&e->pending, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&e->lock);
	t = *find(e);
	if (t && !t->shown) {
		t->shown = 1;
		text = t->text;
	}
	pthread_mutex_unlock(&e->lock);
	if (!text)
		error_clear(ga);
	return text;
}

void *error_place(struct goaudit *ga, size_t size, bool make)
{
	struct errors *e = &ga->errors;
	const void *self = arch_thread_pointer();
	struct error_place *p;

	pthread_mutex_lock(&e->lock);
	for (p = e->places; p && p->thread != self;)
		p = p->next;
	if (!p && make && (p = calloc(1, sizeof *p + size))) {
		p->thread = self;
		p->tid = gettid();
		p->next = e->places;
		e->places = p;
	} else if (p && p->tid != gettid()) {
		memset(p->bytes, 0, size);
		p->tid = gettid();
	}
	pthread_mutex_unlock(&e->lock);
	return p ? p->bytes : NULL;
}

void error_forked(struct goaudit *ga, int tid)
{
	struct errors *e = &ga->errors;
	const void *self = arch_thread_pointer();

	for (struct error_text *t = e->pending; t; t = t->next)
		if (t->thread == self && t->tid == tid)
			t->tid = gettid();
	for (struct error_place *p = e->places; p; p = p->next)
		if (p->thread == self && p->tid == tid)
			p->tid = gettid();
}
