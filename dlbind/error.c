/* A text for each thread.  It is kept by a key, or by who embeds us, not in a
 * thread-local variable, which auditors of old glibcs must not have. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "state.h"

struct text {
	bool pending;
	char text[600];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key;

static void make_key(void)
{
	have_key = pthread_key_create(&key, free) == 0;
}

static struct text *text_of_thread(bool make)
{
	struct text *t;

	if (dlbind_state.loader.thread_text)
		return dlbind_state.loader.thread_text(sizeof *t, make);
	pthread_once(&once, make_key);
	if (!have_key)
		return NULL;
	t = pthread_getspecific(key);
	if (!t && make) {
		t = malloc(sizeof *t);
		if (t && pthread_setspecific(key, t) != 0) {
			free(t);
			t = NULL;
		}
	}
	return t;
}

/* Without memory for the text, errno has to do. */
int error_set(int code, const char *format, ...)
{
	struct text *t = text_of_thread(true);
	va_list ap;

	if (t) {
		errno = code; /* for %m */
		va_start(ap, format);
		vsnprintf(t->text, sizeof t->text, format, ap);
		va_end(ap);
		t->pending = true;
	}
	errno = code;
	return -1;
}

const char *error_take(void)
{
	struct text *t = text_of_thread(false);

	if (!t || !t->pending)
		return NULL;
	t->pending = false;
	return t->text;
}
