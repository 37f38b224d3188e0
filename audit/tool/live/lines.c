#include "tool/live/lines.h"
#include "tool/base/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lines_open(struct lines *l, const char *folder)
{
	const char *from = from_here(folder);
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) != 0)
		return -1;
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	*l = (struct lines){ .fd = fd[0],
			     .folder = format("%s%s", from, *from != '\0' ? "/" : "") };
	text_add(&l->text, "", 0);
	return fd[1];
}

/* Does it begin with a relative file and a line's number, "part/part.go:3"? */
static bool names_file(const char *line)
{
	const char *colon = strchr(line, ':'), *dot = colon;

	if (line[0] == '/' || colon == NULL || !isdigit((unsigned char)colon[1]) ||
	    strcspn(line, " \t") < (size_t)(colon - line))
		return false;
	while (dot > line && *dot != '.' && *dot != '/')
		dot--;
	return *dot == '.';
}

static void print(const struct lines *l, const char *line)
{
	bool file = names_file(line);

	if (file && strncmp(line, "./", 2) == 0)
		line += 2;
	fprintf(stderr, "%s%s", file ? l->folder : "", line);
}

void lines_read(struct lines *l)
{
	char buffer[4096], *end;
	ssize_t n;

	if (l->fd < 0)
		return;
	while ((n = read(l->fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
		char *all, *at;

		if (n < 0)
			continue;
		text_add(&l->text, buffer, (size_t)n);
		all = at = l->text.s;
		l->text = (struct text){ 0 };
		while ((end = strchr(at, '\n')) != NULL) {
			char *line = format("%.*s", (int)(end + 1 - at), at);

			print(l, line);
			free(line);
			at = end + 1;
		}
		text_puts(&l->text, at);
		free(all);
	}
	/* Nobody writes any more: what polls it shall not be told so for ever. */
	if (n == 0) {
		close(l->fd);
		l->fd = -1;
	}
}

void lines_finish(struct lines *l)
{
	while (l->fd >= 0) {
		poll(&(struct pollfd){ .fd = l->fd, .events = POLLIN }, 1, -1);
		lines_read(l);
	}
	lines_close(l);
}

void lines_close(struct lines *l)
{
	lines_read(l);
	if (l->text.n > 0)
		print(l, l->text.s);
	if (l->fd >= 0)
		close(l->fd);
	free(l->text.s);
	free(l->folder);
	*l = (struct lines){ .fd = -1 };
}
