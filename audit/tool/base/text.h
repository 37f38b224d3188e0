/* Memory and text.  Running out of memory ends the program where it happens. */
#ifndef GOAUDIT_TOOL_BASE_TEXT_H
#define GOAUDIT_TOOL_BASE_TEXT_H

#include <stddef.h>

char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));
void *allocate(size_t size) __attribute__((malloc));
char *copy_text(const char *s) __attribute__((malloc));

/* A growing list of strings, NULL-terminated; the strings belong to it. */
struct list {
	char **item;
	size_t n;
};
void list_add(struct list *l, char *item);
void list_free(struct list *l);

/* A growing text. */
struct text {
	char *s;
	size_t n, room;
};
void text_add(struct text *t, const void *bytes, size_t n);
void text_puts(struct text *t, const char *s);
void text_json(struct text *t, const char *s); /* as a quoted JSON string */

/* Puts a question mark for each byte that is no printable character of UTF-8: a
 * name out of a file or another process must not drive the terminal. */
char *make_printable(char *text);

#endif
