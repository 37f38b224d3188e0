/* The C headers of guests.
 *
 * Guests are built as programs (see cmd_build.c), for which go build makes no
 * header.  So each cgo run is told to write one, and the link of a guest whose
 * main package has just been compiled keeps it under that package's build ID,
 * which is in the guest too:
 *
 *	CACHE/headers/ID.h	the header; empty where nothing is exported */
#ifndef GOAUDIT_TOOL_HEADER_H
#define GOAUDIT_TOOL_HEADER_H

#include "tool/base/self.h"

/* For toolexec: has cgo write a header beside what else it writes.  Returns an
 * argument list to run, which may be argv itself. */
char **header_ask_cgo(char **argv);

/* For toolexec, at the link of main: keeps the header of the package archive
 * that has just been compiled; of one out of go's cache it has been kept before. */
void header_keep(const char *folder, const char *archive);

/* Puts the header of the guest `out' beside it.  False where it is not known:
 * then go has to make it. */
bool header_place(const struct tool *t, const char *out);

/* Removes those that nobody has used for a month. */
void header_sweep(const struct tool *t);

#endif
