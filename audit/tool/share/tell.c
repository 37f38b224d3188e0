#include "tool/share/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE "\r\033[K" /* go to its start and clear it */

static int tell_to(bool *tty)
{
	const char *s = getenv("GOAUDIT_TELL");
	char how[8] = "";
	int fd = -1;

	*tty = false;
	if (s == NULL || sscanf(s, "%d %7s", &fd, how) != 2)
		return -1;
	*tty = strcmp(how, "tty") == 0;
	return fd;
}

bool tell_on_terminal(void)
{
	bool tty;

	return tell_to(&tty) >= 0 && tty;
}

/* In one piece: two tools may run at a time. */
static void say(int fd, const char *before, const char *fmt, va_list args)
{
	char text[400];
	int n = snprintf(text, sizeof text, "%s", before);

	vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	if (write(fd, text, strlen(text)) < 0)
		return; /* nobody is there to be told */
}

void tell(const char *fmt, ...)
{
	va_list args;
	bool tty;
	int fd = tell_to(&tty);

	va_start(args, fmt);
	if (fd >= 0 && !tty)
		say(fd, "", fmt, args);
	va_end(args);
}

void tell_progress(const char *fmt, ...)
{
	va_list args;
	bool tty;
	int fd = tell_to(&tty);

	va_start(args, fmt);
	if (fd >= 0 && tty)
		say(fd, LINE, fmt, args);
	va_end(args);
}
