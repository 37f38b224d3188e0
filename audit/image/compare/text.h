/* Text of bounded length, cut at its end.  Private to audit/image. */
#ifndef GOAUDIT_IMAGE_TEXT_H
#define GOAUDIT_IMAGE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct image_text {
	char *p;        /* may be NULL with a size of 0 */
	size_t n, size; /* n: without the NUL */
};

__attribute__((format(printf, 2, 3))) static inline void image_text_add(struct image_text *t,
									const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->size == 0 || t->n + 1 >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n = (size_t)n < t->size - t->n ? t->n + (size_t)n : t->size - 1;
}

#endif
