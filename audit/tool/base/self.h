/* The command itself: where it, what it builds from, and its cache lie. */
#ifndef GOAUDIT_TOOL_BASE_SELF_H
#define GOAUDIT_TOOL_BASE_SELF_H

#include <stdbool.h>

/* The root of the program's state. */
struct tool {
	char *exe;      /* this executable, absolute */
	char *cache;    /* the cache folder, absolute; it exists */
	char *module;   /* libgoaudit.so, absolute; NULL if not there */
	char *program;  /* folder with what programs have more; NULL if none */
	char *guest;    /* folder of package goaudit/guest; NULL if none */
	char *overlay;  /* folder with the overlay's packages; NULL if none */
	char *dfly;     /* goaudit-dfly, absolute; NULL if not there */
	char *linker;   /* folder with the linker's edits; NULL if none */
	const char *go; /* the go command, $GO or "go" */
	bool tty;       /* stderr is a terminal: show progress */
};

/* Finds all but the cache.  0, or a status after a message. */
int tool_open(struct tool *t);
void tool_close(struct tool *t);

/* Fills in t->cache, creating the folder; needed by whoever stores things. */
int tool_open_cache(struct tool *t);

#endif
