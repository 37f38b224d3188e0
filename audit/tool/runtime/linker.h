/* A linker that gives guests debug information.
 *
 * Go's own refuses to: cmd/go turns it off for -linkshared, and where it is
 * turned on the linker fails at the first type that is in the runtime library.
 * So the toolchain's linker is built once more from its own sources, with the
 * files and the edits of audit/go/linker, and used by goaudit toolexec.
 *
 *	RUNTIME/linker/		the changed sources, and overlay.json
 *	RUNTIME/link		the linker; not there: guests get what the
 *				toolchain's own can do
 *	RUNTIME/link.log	what go said */
#ifndef GOAUDIT_TOOL_LINKER_H
#define GOAUDIT_TOOL_LINKER_H

#include "tool/runtime/runtime.h"

/* Builds rt->link, with the runtime's lock held.  Where the edits do not fit
 * this Go, a message says so, and there is none: that is no failure. */
int linker_build(struct tool *t, struct runtime *rt);

/* RUNTIME/link, or NULL where there is none. */
char *linker_path(const struct runtime *rt);

#endif
