/* Text in places of bounded size: cut where it does not fit, always terminated. */
#ifndef GOAUDIT_CORE_TEXT_H
#define GOAUDIT_CORE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "goaudit.h"

static inline void text_copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = 0;
}

/* A text that grows in its place. */
struct text_bounded {
	char *p;        /* may be NULL with a size of 0 */
	size_t n, size; /* n: without the NUL */
};

/* Adds to it; what comes after the place is full is dropped. */
__attribute__((format(printf, 2, 0))) static inline void text_vprint(struct text_bounded *t,
								     const char *format,
								     va_list ap)
{
	int n;

	if (t->size == 0 || t->n + 1 >= t->size)
		return;
	n = vsnprintf(t->p + t->n, t->size - t->n, format, ap);
	if (n > 0)
		t->n = (size_t)n < t->size - t->n ? t->n + (size_t)n : t->size - 1;
}

__attribute__((format(printf, 2, 3))) static inline void text_print(struct text_bounded *t,
								    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	text_vprint(t, format, ap);
	va_end(ap);
}

#endif
