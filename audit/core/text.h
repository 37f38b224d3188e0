#ifndef GOAUDIT_CORE_TEXT_H
#define GOAUDIT_CORE_TEXT_H

#include <stddef.h>
#include <string.h>

#include "goaudit.h"

/* Copies a text, cut where it does not fit; always terminated. */
static inline void text_copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = 0;
}

#endif
