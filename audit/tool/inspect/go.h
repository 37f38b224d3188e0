/* The Go runtime that an image needs or carries. */
#ifndef GOAUDIT_TOOL_INSPECT_GO_H
#define GOAUDIT_TOOL_INSPECT_GO_H

#include "tool/inspect/needed.h"

void inspect_go_guest(struct inspector *in, struct object *o, struct report *r);
void inspect_go_runtimes(const struct inspector *in, const struct object *o,
			 const struct closure *c, struct report *r);

#endif
