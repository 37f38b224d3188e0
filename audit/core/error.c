#include "core/error.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/arch.h"
#include "core/core.h"
#include "core/log.h"
#include "core/text.h"
#include "goaudit.h"

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

void error_set(struct core *core, const char *format, ...)
{
	struct errors *e = &core->errors;
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
		log_line(core, "error: %s", t->text);
	}
	pthread_mutex_unlock(&e->lock);
}

void error_clear(struct core *core)
{
	struct errors *e = &core->errors;
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

const char *error_take(struct core *core)
{
	struct errors *e = &core->errors;
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
		error_clear(core);
	return text;
}

void error_copy(struct core *core, char *to, size_t size)
{
	struct errors *e = &core->errors;
	struct error_text *t;

	pthread_mutex_lock(&e->lock);
	t = *find(e);
	text_copy(to, size, t ? t->text : "");
	pthread_mutex_unlock(&e->lock);
}

void error_forked(struct core *core, int tid)
{
	struct errors *e = &core->errors;
	const void *self = arch_thread_pointer();

	for (struct error_text *t = e->pending; t; t = t->next)
		if (t->thread == self && t->tid == tid)
			t->tid = gettid();
	for (struct error_place *p = e->places; p; p = p->next)
		if (p->thread == self && p->tid == tid)
			p->tid = gettid();
}
