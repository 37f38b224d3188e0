#include "tool/base/text.h"
#include "tool/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_memory(void)
{
	tool_error("out of memory");
	exit(STATUS_FAILED);
}

void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		no_memory();
	return p;
}

char *copy_text(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		no_memory();
	return p;
}

char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		no_memory();
	va_end(ap);
	return s;
}

void list_add(struct list *l, char *item)
{
	l->item = realloc(l->item, (l->n + 2) * sizeof *l->item);
	if (l->item == NULL)
		no_memory();
	l->item[l->n++] = item;
	l->item[l->n] = NULL;
}

void list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct list){ 0 };
}

void text_add(struct text *t, const void *bytes, size_t n)
{
	if (t->room - t->n <= n) {
		t->room = (t->n + n + 1) * 2;
		t->s = realloc(t->s, t->room);
		if (t->s == NULL)
			no_memory();
	}
	memcpy(t->s + t->n, bytes, n);
	t->n += n;
	t->s[t->n] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_json(struct text *t, const char *s)
{
	text_puts(t, "\"");
	for (; *s != '\0'; s++) {
		char esc[8];

		if (*s == '"' || *s == '\\')
			snprintf(esc, sizeof esc, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			snprintf(esc, sizeof esc, "\\u%04x", (unsigned)*s);
		else
			snprintf(esc, sizeof esc, "%c", *s);
		text_puts(t, esc);
	}
	text_puts(t, "\"");
}

/* How many bytes of s make one printable character of UTF-8; 0: none. */
static size_t printable(const unsigned char *s)
{
	size_t n = s[0] < 0x80                 ? 1 :
		   s[0] >= 0xc2 && s[0] < 0xe0 ? 2 :
		   s[0] >= 0xe0 && s[0] < 0xf0 ? 3 :
		   s[0] >= 0xf0 && s[0] < 0xf5 ? 4 :
						 0;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, C1 controls, beyond the last */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

char *make_printable(char *text)
{
	for (unsigned char *s = (unsigned char *)text; *s != '\0';) {
		size_t n = printable(s);

		if (n == 0)
			*s = '?';
		s += n > 0 ? n : 1;
	}
	return text;
}
